package serve

import "testing"

// RealShop makes content vectors of products and vectors of shoppers, see realShop.
func RealShop(tb testing.TB, dim int) (product, shopper func() []float32) {
	s := newRealShop(tb, dim, 1)
	return func() []float32 { _, v := s.next(); return unitOf(v) }, func() []float32 { return unitOf(s.shopper()) }
}

// Cores is the time that this process has had on all cores.
var Cores = cores

// Arranged tells whether the products of every tenant lie in cells, if they are so many.
func Arranged(s *Server) bool {
	for _, t := range *s.tenants.Load() {
		shelf, ready := t.catalogue.shelf()
		if !ready {
			return false
		}
		n := shelf.Ranking()
		n.mu.RLock()
		waits := len(n.slots) >= arrangeFrom && (n.cells == nil || len(n.of[loose]) > 0)
		n.mu.RUnlock()
		if waits {
			return false
		}
	}
	return true
}
