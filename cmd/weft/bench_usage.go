package main

import (
	"syscall"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// shares tells what the cores' time of the work went to. Decoding, encoding,
// fusing and the sink (puts of the lake, waits for the disk included) are timed
// inside; queue is what is left of the process's CPU time: asynq, Redis where it
// is embedded, and the scheduling of it all.
func (u *up) shares(work float64) (map[string]float64, error) {
	families, err := u.node.registry.Gather()
	if err != nil {
		return nil, err
	}
	seconds := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			if h := m.Histogram; h != nil {
				seconds[f.GetName()+"/"+label(m)] += h.GetSampleSum()
			}
		}
	}
	cores := work * float64(encoders{}.runners())
	out := map[string]float64{
		"decode": seconds["weft_step_seconds/decode"] / cores,
		"encode": seconds["weft_encoder_seconds/image"] / cores,
		"fuse":   seconds["weft_step_seconds/fuse"] / cores,
		"sink":   seconds["weft_object_seconds/put"] / cores,
	}
	out["queue"] = max(0, (cpuSeconds()-u.cpuBefore)/cores-out["decode"]-out["encode"]-out["fuse"])
	return out, nil
}

// cpuSeconds is the CPU time of this process so far.
func cpuSeconds() float64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

func label(m *dto.Metric) string {
	for _, l := range m.Label {
		if l.GetName() != "decoder" {
			return l.GetValue()
		}
	}
	return ""
}

func peakMB() float64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return float64(usage.Maxrss) / 1024
}
