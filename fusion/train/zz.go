package train
import ("context";"fmt")
func zzProbe(ctx context.Context, t *training, m *served) {
	fmt.Println("composed", t.summary.Composed, t.summary.Choice.Foldings, m.cold)
	was := m.cold
	for _, c := range []float32{0, .25, .5, 1} {
		for _, shift := range []float32{0, -.5, -1, -2, -100} {
			m.cold.Content = was.Content*c
			b := make([]float32, 0)
			_ = b
			mm := *m
			mm.cold = m.cold
			comp := composite{dim: m.rank, users: m.zzc.users, items: m.zzc.items}
			mm.zzshift = shift
			mm.assemble(comp)
			r, _ := t.measure(ctx, &mm)
			fmt.Println("content", c, "shift", shift, r)
		}
	}
	m.cold = was
}
