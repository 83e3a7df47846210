package train

import (
	"math"
	"runtime"
	"sync"
)

// parameter is one tensor that is trained, with the state of its optimiser.
type parameter struct {
	Name  string
	Width int // numbers in a row; rows are what a sparse step changes
	Data  []float32
	// Mean and Square are Adam's running moments, Average the running average of Data that serves.
	Mean, Square, Average []float32
	best                  []float32 // the average of the best epoch so far
	rate                  float32   // multiplies the learning rate
}

func newParameter(name string, width int, data []float32, rate float32) *parameter {
	average := make([]float32, len(data))
	copy(average, data)
	return &parameter{Name: name, Width: width, Data: data, rate: rate,
		Mean: make([]float32, len(data)), Square: make([]float32, len(data)), Average: average, best: make([]float32, len(data))}
}

// Adam (Kingma and Ba, 2015) with its usual constants.
const (
	beta1, beta2 = 0.9, 0.999
	adamFloor    = 1e-8
)

// step changes the rows named by rows (all of them when nil) by their gradient, row after row in that order, and moves the
// whole average towards the data. n counts steps from 1.
//
// In a sparse step the moments of other rows stand still; they are not decayed for the steps that passed without them.
func (p *parameter) step(n int, rate float32, grad []float32, rows []int32) {
	rate *= p.rate
	c1 := float32(1 / (1 - math.Pow(beta1, float64(n))))
	c2 := float32(1 / (1 - math.Pow(beta2, float64(n))))
	keep := averageKept(n)
	if rows == nil {
		inParallel(len(p.Data), func(from, to int) {
			adam(p.Data[from:to], grad[from:to], p.Mean[from:to], p.Square[from:to], rate, c1, c2)
			blend(p.Average[from:to], p.Data[from:to], keep)
		})
		return
	}
	inParallel(len(rows), func(from, to int) {
		for i, row := range rows[from:to] {
			a, b := int(row)*p.Width, (int(row)+1)*p.Width
			g := (from + i) * p.Width
			adam(p.Data[a:b], grad[g:g+p.Width], p.Mean[a:b], p.Square[a:b], rate, c1, c2)
		}
	})
	inParallel(len(p.Data), func(from, to int) { blend(p.Average[from:to], p.Data[from:to], keep) })
}

// averageKept is how much of the average stays at step n: little at first, so that it does not remember the start.
func averageKept(n int) float32 { return float32(min(.98, (1+float64(n))/(10+float64(n)))) }

func adam(x, g, m, s []float32, rate, c1, c2 float32) {
	g, m, s = g[:len(x)], m[:len(x)], s[:len(x)]
	for i, d := range g {
		m[i] += (1 - beta1) * (d - m[i])
		s[i] += (1 - beta2) * (d*d - s[i])
		x[i] -= rate * c1 * m[i] / (float32(math.Sqrt(float64(s[i]*c2))) + adamFloor)
	}
}

func blend(average, x []float32, keep float32) {
	x = x[:len(average)]
	for i, a := range average {
		average[i] = x[i] + keep*(a-x[i])
	}
}

// inParallel cuts 0..n into one piece per core. The result must not depend on the cuts.
func inParallel(n int, f func(from, to int)) {
	const least = 4096 // below it a goroutine costs more than it saves
	pieces := min(runtime.GOMAXPROCS(0), n/least+1)
	var wait sync.WaitGroup
	for i := 1; i < pieces; i++ {
		wait.Go(func() { f(i*n/pieces, (i+1)*n/pieces) })
	}
	f(0, n/pieces)
	wait.Wait()
}
