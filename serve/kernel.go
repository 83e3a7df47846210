package serve

import "math"

// Vectors are searched in two steps. Each row is kept twice: as it is, and as codes,
// one signed byte a value, scaled so that the largest becomes 127. The codes are a
// quarter of the bytes and multiply as whole numbers, in AVX2 where the processor
// has it; what they miss is known for each row. A search runs over the codes and
// compares in full only the rows that could be among the best, so its answer is
// exactly that of comparing all of them in full.

// codeStride is what rows of codes are padded to with zeros.
const codeStride = 32

// encode writes the codes of a unit vector. v is about scale times codes, and off by
// at most miss in length.
func encode(v []float32, codes []int8) (scale, miss float32) {
	var largest float32
	for _, x := range v {
		largest = max(largest, x, -x)
	}
	scale = largest / 127
	var sum float64
	for i, x := range v {
		c := math.Round(float64(x) / float64(scale))
		codes[i] = int8(c)
		d := float64(x) - c*float64(scale)
		sum += d * d
	}
	return scale, float32(math.Sqrt(sum) * (1 + 1e-6))
}

// query is what is searched for, in both forms.
type query struct {
	exact []float32 // unit length
	codes []int16   // padded to the stride of the rows' codes
	scale float32
	miss  float32 // how far off the codes are, in length; rounding of the sums included
}

// newQuery prepares a unit vector. Its codes have as many bits as leave room for the
// sum: |Σ q·x| is at most len·|q|·127, which stays below 2³¹.
func newQuery(unit []float32, stride int) query {
	var largest float64
	for _, x := range unit {
		largest = max(largest, math.Abs(float64(x)))
	}
	scale := float32(largest / math.Floor(min(math.MaxInt16, math.MaxInt32/(127*float64(stride)))))
	q := query{exact: unit, codes: make([]int16, stride), scale: scale}
	var sum float64
	for i, x := range unit {
		c := math.Round(float64(x) / float64(scale))
		q.codes[i] = int16(c)
		d := float64(x) - c*float64(scale)
		sum += d * d
	}
	// What float32 rounds away in dot and around the whole-number sum is added.
	q.miss = float32(math.Sqrt(sum)) + float32(stride/4+32)*0x1p-24
	return q
}

// atMost bounds the score of a row from above. With x = s·c + e and q = t·d + f, and
// all but e and f of length 1 or a little more, q·x = t·s·(d·c) + (q-f)·e + f·x.
func (q *query) atMost(dot int32, scale, miss float32) float32 {
	return q.scale*scale*float32(dot) + miss*(1+q.miss) + q.miss
}

// dotRowsPlain is dotRows without vector instructions.
func dotRowsPlain(q []int16, rows []int8, out []int32) {
	for i := range out {
		row := rows[i*len(q):][:len(q)]
		var a, b int32
		for j := 0; j+2 <= len(q); j += 2 {
			a += int32(q[j]) * int32(row[j])
			b += int32(q[j+1]) * int32(row[j+1])
		}
		out[i] = a + b
	}
}

// dot is the score. Every row is summed in the same order, so equal rows have equal
// scores wherever they lie. len(a) is even, and that of b.
func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return (s0 + s1) + (s2 + s3)
}
