package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"weft/extractors/models"
	"weft/extractors/pixels"
	"weft/tasks"
	"weft/worker"
)

// machines are the encoders of a process, by the class of their decoders: all else that a
// recipe names is the process's own. Tenants of one recipe share them.
type machines struct {
	sets map[pixels.Class]*encoderSet
	run  map[pixels.Class]*worker.Machine
}

// share gives a generation the encoders that the process has of its recipe.
func (n *node) share(p *pinned) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if had := n.machines.sets[p.encoders.class]; had != nil {
		_ = p.encoders.Close() // nothing of it was loaded
		p.encoders = had
		return
	}
	n.machines.sets[p.encoders.class] = p.encoders
}

// machine runs the encoders of a generation.
func (n *node) machine(p *pinned) (*worker.Machine, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	set := p.encoders
	if m := n.machines.run[set.class]; m != nil {
		return m, nil
	}
	e := n.encoders
	m, err := worker.NewMachine(worker.MachineConfig{
		Images: images{set.image, n.lost}, Texts: texts{set.text, n.lost}, Encoders: e.runners(),
		PhotoBatch: e.batch(models.Image), TextBatch: e.batch(models.Text), Decoders: e.decoders(), MaxPhoto: pixels.DefaultLimits().MaxBytes,
		ApartCommand: p.apart, DecodeLimit: decodeLimit, Metrics: prometheus.WrapRegistererWith(prometheus.Labels{"decoder": string(set.class)}, n.registry), Log: n.log,
	})
	if err == nil {
		n.machines.run[set.class] = m
	}
	return m, err
}

// spent is the encoder-seconds of each tenant in this process.
func (n *node) spent() map[tasks.Tenant]float64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := map[tasks.Tenant]float64{}
	for _, m := range n.machines.run {
		for tenant, seconds := range m.Spent() {
			all[tenant] += seconds
		}
	}
	return all
}

// close ends the encoders. No worker may use them any more.
func (m machines) close() {
	for _, running := range m.run {
		running.Close()
	}
	for _, set := range m.sets {
		_ = set.Close()
	}
}
