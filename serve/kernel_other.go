//go:build !amd64

package serve

func dotRows(q []int16, rows []int8, out []int32) { dotRowsPlain(q, rows, out) }
