#include "textflag.h"

// func dotRowsAVX2(q *int16, rows *int8, stride, n int, out *int32)
//
// For each of n rows: widen 32 bytes to 16-bit words, multiply by the query and
// add neighbours into 32-bit lanes. stride is a multiple of 32, n at least 1. Reading
// from memory is what takes the time: asking for bytes a page ahead, where the
// processor's own prefetcher stops, more than doubles the rate.
TEXT ·dotRowsAVX2(SB), NOSPLIT, $0-40
	MOVQ q+0(FP), SI
	MOVQ rows+8(FP), DI
	MOVQ stride+16(FP), R8
	MOVQ n+24(FP), R9
	MOVQ out+32(FP), R10

row:
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	XORQ  AX, AX

step:
	VPMOVSXBW (DI)(AX*1), Y2
	VPMOVSXBW 16(DI)(AX*1), Y3
	VPMADDWD  (SI)(AX*2), Y2, Y2
	VPMADDWD  32(SI)(AX*2), Y3, Y3
	VPADDD    Y2, Y0, Y0
	VPADDD    Y3, Y1, Y1
	PREFETCHT0 4096(DI)(AX*1)
	ADDQ      $32, AX
	CMPQ      AX, R8
	JLT       step

	VPADDD       Y1, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDD       X1, X0, X0
	VPSHUFD      $0x4E, X0, X1
	VPADDD       X1, X0, X0
	VPSHUFD      $0xB1, X0, X1
	VPADDD       X1, X0, X0
	VMOVD        X0, (R10)
	ADDQ         $4, R10
	ADDQ         R8, DI
	DECQ         R9
	JNZ          row
	VZEROUPPER
	RET
