package serve

import "golang.org/x/sys/cpu"

//go:noescape
func dotRowsAVX2(q *int16, rows *int8, stride, n int, out *int32)

// dotRows computes the dot products of q with consecutive rows of codes. len(q) is
// a multiple of codeStride; rows holds len(out) rows of len(q) codes.
func dotRows(q []int16, rows []int8, out []int32) {
	if !cpu.X86.HasAVX2 {
		dotRowsPlain(q, rows, out)
		return
	}
	if len(out) == 0 || len(q) == 0 {
		clear(out)
		return
	}
	_ = rows[len(q)*len(out)-1] // what the assembly will read is there
	dotRowsAVX2(&q[0], &rows[0], len(q), len(out), &out[0])
}
