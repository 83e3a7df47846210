package train

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"

	"weft/onnx"
)

const never = -1e9 // added to a logit that must not count

// batch holds the inputs of one step. Its big matrices are made once and cleaned after every step.
type batch struct {
	f       *fit
	rows    []int32 // items in the step, in order; nil is the whole catalogue
	at      []int32 // row of an item, -1 for those not in the step; whole catalogue: nil
	history []float32
	mask    []float32
	dirty   []int // what is not zero in history and mask
	target  []int64
	moment  []int64
	share   []float32
	keep    []float32
	on      [][]float32
	offset  []float32
	chance  []float64 // Negatives: running sums of the popularity they are drawn by

	identity, bias, popularity []float32 // gathered rows
	x                          [][]float32
}

func newBatch(f *fit) *batch {
	b := &batch{f: f, on: make([][]float32, len(f.features)), x: make([][]float32, len(f.features))}
	if f.items > f.config.FullSoftmax {
		b.at = make([]int32, f.items)
		for i := range b.at {
			b.at[i] = -1
		}
		total := 0.
		for _, n := range f.counts {
			total += math.Pow(float64(n), .75)
			b.chance = append(b.chance, total)
		}
	}
	return b
}

// fill makes the inputs for some samples. random decides what is dropped and which negatives are drawn.
func (b *batch) fill(samples []sample, random *rand.Rand) map[string]onnx.Tensor {
	f := b.f
	if b.at != nil {
		b.choose(samples, random)
	}
	items := f.items
	if b.at != nil {
		items = len(b.rows)
	}
	b.drop(items, random)
	b.offsets(items, len(samples))
	b.users(samples, items)

	n, r := int64(len(samples)), int64(items)
	in := map[string]onnx.Tensor{
		"keep": onnx.Floats(b.keep, r, 1), "offset": onnx.Floats(b.offset, r),
		"history": onnx.Floats(b.history[:n*r], n, r), "mask": onnx.Floats(b.mask[:n*r], n, r),
		"target": onnx.Int64s(b.target, n, 1), "share": onnx.Floats(b.share, n),
	}
	identity, bias, table := f.parameter("identity").Data, f.parameter("bias").Data, f.popularity
	if b.at != nil {
		identity, bias = gather(&b.identity, identity, f.spec.dim, b.rows), gather(&b.bias, bias, 1, b.rows)
		if table != nil {
			table = b.gatherPopularity()
		}
	}
	in["identity"], in["bias"] = onnx.Floats(identity, r, int64(f.spec.dim)), onnx.Floats(bias, r)
	for k, p := range f.features {
		x := p.rows
		if b.at != nil {
			x = gather(&b.x[k], x, p.Width, b.rows)
		}
		in[fmt.Sprintf("x.%d", k)] = onnx.Floats(x, r, int64(p.Width))
		in[fmt.Sprintf("on.%d", k)] = onnx.Floats(b.on[k], r, 1)
		name := fmt.Sprintf("project.%d", k)
		in[name] = onnx.Floats(f.parameter(name).Data, int64(p.Width), int64(f.spec.dim))
	}
	in["log_tau"] = onnx.Floats(f.parameter("log_tau").Data, 1)
	if f.spec.mix {
		in["mix"] = onnx.Floats(f.parameter("mix").Data, int64(f.spec.dim), int64(f.spec.dim))
	}
	if f.spec.popularity > 0 {
		w := int64(f.spec.popularity)
		in["popularity"] = onnx.Floats(table, int64(len(f.sampler.moments)), r, w)
		in["popular"] = onnx.Floats(f.parameter("popular").Data, w, 1)
		in["moment"] = onnx.Int64s(b.moment, n)
	}
	return in
}

// clean zeroes what fill wrote into the big matrices.
func (b *batch) clean() {
	for _, i := range b.dirty {
		b.history[i], b.mask[i] = 0, 0
	}
	b.dirty = b.dirty[:0]
	if b.at != nil {
		for _, item := range b.rows {
			b.at[item] = -1
		}
	}
}

// choose puts into the step the targets, the negatives, and last the histories, which are no negatives themselves.
func (b *batch) choose(samples []sample, random *rand.Rand) {
	b.rows = b.rows[:0]
	add := func(item int32) {
		if b.at[item] < 0 {
			b.at[item] = int32(len(b.rows))
			b.rows = append(b.rows, item)
		}
	}
	for _, s := range samples {
		add(s.target)
	}
	total := b.chance[len(b.chance)-1]
	for range b.f.config.Negatives {
		x := random.Float64() * total
		add(int32(sort.Search(len(b.chance)-1, func(i int) bool { return b.chance[i] > x })))
	}
	b.offset = grown(b.offset, len(b.rows)) // the candidates; offsets sees how many there are
	for _, s := range samples {
		for _, r := range b.f.sampler.byUser[s.user][:s.past] {
			add(r.Item)
		}
	}
}

// drop decides which identities and modalities a step goes without. An item keeps its identity unless features carry it.
func (b *batch) drop(items int, random *rand.Rand) {
	f := b.f
	b.keep = grown(b.keep, items)
	for k := range b.on {
		b.on[k] = grown(b.on[k], items)
	}
	for r := range items {
		item := r
		if b.at != nil {
			item = int(b.rows[r])
		}
		left := 0
		for k, p := range f.features {
			b.on[k][r] = 0
			if p.on[item] && random.Float32() >= f.config.DropModality {
				b.on[k][r] = 1
				left++
			}
		}
		b.keep[r] = 1
		if f.counts[item] == 0 || left > 0 && random.Float32() < f.config.DropIdentity {
			b.keep[r] = 0
		}
	}
}

// offsets bars items that nobody has, and in a sampled step weighs each candidate by the chance that it is there: the sum
// over the candidates of e^logit / chance is then, on average, the sum over all items.
func (b *batch) offsets(items, users int) {
	f := b.f
	candidates := items
	if b.at != nil {
		candidates = len(b.offset)
	}
	b.offset = grown(b.offset, items)
	for r := range items {
		item := r
		if b.at != nil {
			item = int(b.rows[r])
		}
		switch {
		case r >= candidates || f.counts[item] == 0:
			b.offset[r] = never
		case b.at == nil:
			b.offset[r] = 0
		default:
			expected := float64(users) * float64(f.counts[item]) / float64(f.total)
			expected += float64(f.config.Negatives) * math.Pow(float64(f.counts[item]), .75) / b.chance[len(b.chance)-1]
			b.offset[r] = float32(-math.Log(-math.Expm1(-expected)))
		}
	}
}

// users fills in who has what, who is led where, and what does not count against them.
func (b *batch) users(samples []sample, items int) {
	f := b.f
	n := len(samples)
	if len(b.history) < n*items {
		b.history, b.mask = make([]float32, n*items), make([]float32, n*items)
	}
	b.target, b.moment, b.share = b.target[:0], b.moment[:0], b.share[:0]
	total := float32(0) // of the samples' strengths
	for _, s := range samples {
		total += s.strength
	}
	row := func(item int32) int {
		if b.at != nil {
			return int(b.at[item])
		}
		return int(item)
	}
	for u, s := range samples {
		target := row(s.target)
		b.target = append(b.target, int64(target))
		b.moment = append(b.moment, int64(s.moment))
		b.share = append(b.share, s.strength/total)
		instant, until := f.sampler.spans(s)
		for i, r := range f.sampler.byUser[s.user][:s.known] {
			at := row(r.Item)
			before := i < int(s.past)
			if at < 0 || at == target && !(before && r.Time+r.Wait >= instant) {
				continue
			}
			at += u * items
			b.dirty = append(b.dirty, at)
			if before {
				b.history[at] = f.config.Strength.At(r, instant)
			}
			if taken, ok := r.Taken(); !before || ok && taken < until {
				b.mask[at] = never
			}
		}
		// The target counts as it is: it is there by its own right, not by chance.
		at := u*items + target
		b.dirty = append(b.dirty, at)
		b.mask[at] = -b.offset[target]
	}
}

func (b *batch) gatherPopularity() []float32 {
	f := b.f
	w := f.spec.popularity
	b.popularity = grown(b.popularity, len(f.sampler.moments)*len(b.rows)*w)
	for m := range f.sampler.moments {
		for r, item := range b.rows {
			copy(b.popularity[(m*len(b.rows)+r)*w:][:w], f.popularity[(m*f.items+int(item))*w:])
		}
	}
	return b.popularity
}

// gather copies rows of a table into a buffer that is kept.
func gather(buffer *[]float32, table []float32, width int, rows []int32) []float32 {
	*buffer = grown(*buffer, len(rows)*width)
	for i, r := range rows {
		copy((*buffer)[i*width:(i+1)*width], table[int(r)*width:])
	}
	return *buffer
}

// grown is a slice of n numbers with whatever was in it.
func grown(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n, n+n/4)
	}
	return s[:n]
}
