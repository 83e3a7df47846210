package parts

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"io"
	"strconv"

	"weft/behaviour"
	"weft/behaviour/clean"
	"weft/tasks"
)

// Known tells a product's sources in short (Short); 0 for a product that has no vector.
type Known func(tasks.ProductID) uint64

// Short is a digest of sources in 64 bits, never 0: few enough that a sweep can hold a
// million of them, and enough that two differ by accident in one of 10¹⁹ cases.
func Short(sources string) uint64 {
	n, err := strconv.ParseUint(sources[:min(len(sources), 16)], 16, 64)
	if err != nil {
		sum := sha256.Sum256([]byte(sources))
		n = binary.BigEndian.Uint64(sum[:])
	}
	return max(n, 1)
}

// Own digests all that a shopper's vector depends on but those who are followed.
func (h *History) Own(known Known) (sum [16]byte) {
	d := digest{sha256.New()}
	d.number(Version, clean.Version)
	if h.User != nil {
		d.text("user", h.User.Digest, h.User.Profiling)
	}
	for i := range h.Events {
		d.text(h.Events[i].ID, h.Events[i].Digest)
	}
	d.text("reviews")
	for i := range h.Reviews {
		d.text(h.Reviews[i].ID, h.Reviews[i].Digest)
	}
	d.text("products")
	for _, id := range h.Products() {
		d.text(string(id))
		d.number(known(id))
	}
	return d.sum()
}

// Passed digests a shopper's tips on known products; 0 where there are none.
func Passed(tips []behaviour.Event, known Known) uint64 {
	d, some := digest{sha256.New()}, false
	for _, t := range tips {
		if n := known(tasks.ProductID(t.Product)); n != 0 {
			some = true
			d.text(t.ID, t.Digest, t.Product)
			d.number(n)
		}
	}
	if !some {
		return 0
	}
	sum := d.sum()
	return max(binary.BigEndian.Uint64(sum[:]), 1)
}

// Sources digests a shopper's own parts with what each of those followed passes on: 32
// hex digits, as of a product.
func Sources(own [16]byte, followed []tasks.UserID, passed func(tasks.UserID) uint64) string {
	d := digest{sha256.New()}
	_, _ = d.Write(own[:])
	for _, id := range followed {
		d.text(string(id))
		d.number(passed(id))
	}
	sum := d.sum()
	return hex.EncodeToString(sum[:])
}

// digest writes what cannot be mistaken for something else: ids hold no zero byte.
type digest struct{ hash.Hash }

func (d digest) text(parts ...string) {
	for _, s := range parts {
		_, _ = io.WriteString(d, s) // a hash never fails
		_, _ = d.Write([]byte{0})
	}
}

func (d digest) number(ns ...uint64) {
	for _, n := range ns {
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], n)
		_, _ = d.Write(b[:])
	}
}

func (d digest) sum() (s [16]byte) {
	copy(s[:], d.Sum(nil))
	return s
}
