package efficientnet

import "fmt"

// Sizes of the network's input and output.
const (
	Side     = 224  // pixels, width and height of an image
	Features = 1280 // length of a feature vector
)

// conv is one convolution followed by its batch norm: the names of its tensors in the checkpoint, and its form.
type conv struct {
	weight string // name of the kernel without ".weight"
	norm   string // name of the batch norm without ".weight", ".bias" …
	out    int    // channels
	in     int    // channels that one output channel reads: 1 for a depthwise convolution
	kernel int
	stride int
	groups int
	relu6  bool
}

// block is an inverted residual: widen (left out by the first block), filter each channel by itself, narrow.
type block struct {
	convs []conv
	skip  bool // the block's input is added to its output
	// parts is in how many equal parts the wide channels are computed. The first blocks widen large maps, 5 MB where a core's
	// cache has 1 or 2: a third of the channels is widened, filtered and narrowed while it is at hand, and the thirds are summed.
	parts int
}

// stages of EfficientNet-Lite0. The first block of a stage carries its stride, the others keep size and channels.
var stages = [...]struct{ repeat, kernel, stride, expand, in, out int }{
	{1, 3, 1, 1, 32, 16},
	{2, 3, 2, 6, 16, 24},
	{2, 5, 2, 6, 24, 40},
	{3, 3, 2, 6, 40, 80},
	{3, 5, 1, 6, 80, 112},
	{4, 5, 2, 6, 112, 192},
	{1, 3, 1, 6, 192, 320},
}

const (
	stemChannels = 32
	headChannels = 320 // read by the head, which has Features channels
	classes      = 1000

	// blocks computed in parts, counted from 0
	firstInParts = 1
	lastInParts  = 3
)

// stem, blocks and head are the network in the order it runs.
func stem() conv {
	return conv{weight: "_conv_stem", norm: "_bn0", out: stemChannels, in: 3, kernel: 3, stride: 2, groups: 1, relu6: true}
}

func head() conv {
	return conv{weight: "_conv_head", norm: "_bn1", out: Features, in: headChannels, kernel: 1, stride: 1, groups: 1, relu6: true}
}

func blocks() []block {
	var all []block
	for _, s := range stages {
		for i := range s.repeat {
			in, stride := s.in, s.stride
			if i > 0 {
				in, stride = s.out, 1
			}
			name := fmt.Sprintf("_blocks.%d.", len(all))
			wide := in * s.expand
			var b block
			if s.expand != 1 {
				b.convs = append(b.convs, conv{name + "_expand_conv", name + "_bn0", wide, in, 1, 1, 1, true})
			}
			b.convs = append(b.convs,
				conv{name + "_depthwise_conv", name + "_bn1", wide, 1, s.kernel, stride, wide, true},
				conv{name + "_project_conv", name + "_bn2", s.out, wide, 1, 1, 1, false})
			b.skip = stride == 1 && in == s.out
			b.parts = 1
			if n := len(all); firstInParts <= n && n <= lastInParts {
				b.parts = 3
			}
			all = append(all, b)
		}
	}
	return all
}

// shape is the shape of the kernel as the checkpoint and ONNX store it.
func (c conv) shape() []int { return []int{c.out, c.in, c.kernel, c.kernel} }

// tensors lists every tensor that a checkpoint must hold, with its shape.
func tensors() map[string][]int {
	all := map[string][]int{"_fc.weight": {classes, Features}, "_fc.bias": {classes}}
	add := func(c conv) {
		all[c.weight+".weight"] = c.shape()
		for _, part := range []string{"weight", "bias", "running_mean", "running_var"} {
			all[c.norm+"."+part] = []int{c.out}
		}
		all[c.norm+".num_batches_tracked"] = []int{}
	}
	add(stem())
	for _, b := range blocks() {
		for _, c := range b.convs {
			add(c)
		}
	}
	add(head())
	return all
}
