package worker

import "github.com/prometheus/client_golang/prometheus"

// inputs are histograms of what the encoders are fed. A source that begins to send
// another kind of photos or texts is seen here before it is seen in the lists: alerts
// compare the last hours with the week before.
type inputs struct {
	brightness prometheus.Histogram
	bytes      prometheus.Histogram
	tokens     prometheus.Histogram
}

func newInputs() inputs {
	return inputs{
		brightness: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "weft_input_brightness", Help: "Mean of a photo's pixels as the encoder sees them, from 0, black, to 255.", Buckets: prometheus.LinearBuckets(16, 16, 15),
		}),
		bytes: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "weft_input_photo_bytes", Help: "Size of a photo's file.", Buckets: prometheus.ExponentialBuckets(1024, 2, 15),
		}),
		tokens: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "weft_input_tokens", Help: "Tokens of a text, as far as the encoder reads.", Buckets: prometheus.ExponentialBuckets(2, 1.5, 14),
		}),
	}
}

func (in inputs) all() []prometheus.Collector {
	return []prometheus.Collector{in.brightness, in.bytes, in.tokens}
}

// brightnessStep samples pixels: it has no factor in common with the three channels.
const brightnessStep = 7

func (in inputs) photo(size int64, pixels []byte) {
	in.bytes.Observe(float64(size))
	sum, n := 0, 0
	for i := 0; i < len(pixels); i += brightnessStep {
		sum, n = sum+int(pixels[i]), n+1
	}
	if n > 0 {
		in.brightness.Observe(float64(sum) / float64(n))
	}
}

func (in inputs) text(tokens int) { in.tokens.Observe(float64(tokens)) }
