package serve

import (
	"context"
	"time"

	"weft/tasks"
)

// Overview is where a tenant stands at one moment, cheap enough to be asked for each
// second: no bucket is listed. Counts grow; who asks twice has rates.
type Overview struct {
	Tenant     tasks.Tenant   `json:"tenant"`
	Generation string         `json:"generation,omitempty" doc:"Whose vectors are in memory; absent while they are being read"`
	At         time.Time      `json:"at"`
	Products   int            `json:"products" doc:"With a vector, in memory"`
	Bytes      int64          `json:"bytes" doc:"Memory held for them"`
	Backlog    *tasks.Backlog `json:"backlog,omitempty" doc:"Absent where the server knows no queue"`
	Workers    []WorkerPace   `json:"workers" nullable:"false" doc:"Those that reported lately"`
	Dead       *LetterCounts  `json:"dead,omitempty" doc:"Absent where the server has no lake"`
}

// WorkerPace is a worker as it reports itself.
type WorkerPace struct {
	Name     string             `json:"name"`
	Started  time.Time          `json:"started"`
	At       time.Time          `json:"at" doc:"Of the report; a worker reports every 5 s"`
	InHand   int                `json:"in_hand" doc:"Tasks it holds"`
	Done     int64              `json:"done" doc:"Tasks it has ended"`
	Draining bool               `json:"draining"`
	Encoded  map[string]int64   `json:"encoded" doc:"Items that went through an encoder, by modality"`
	Cached   map[string]int64   `json:"cached" doc:"Items whose content was known, by modality"`
	Seconds  map[string]float64 `json:"seconds" doc:"Of this worker per item, by task type, where it was measured"`
}

// OverviewAnswer is an Overview.
type OverviewAnswer struct{ Body Overview }

func (s *Server) overview(ctx context.Context, _ *StatusQuery) (*OverviewAnswer, error) {
	t := tenantOf(ctx)
	o := Overview{Tenant: t.name, At: time.Now().UTC(), Workers: []WorkerPace{}}
	if shelf, ready := t.catalogue.shelf(); ready {
		o.Generation, o.Products, o.Bytes = string(shelf.Generation), shelf.Len(), shelf.Bytes()
	}
	if s.cfg.Backlog != nil {
		f, err := s.cfg.Backlog(ctx, 0, t.name)
		if err != nil {
			return nil, s.explain(ctx, err)
		}
		if len(f.Tenants) == 1 {
			o.Backlog = &f.Tenants[0]
		}
	}
	if s.cfg.Workers != nil {
		paces, err := s.cfg.Workers(ctx)
		if err != nil {
			return nil, s.explain(ctx, err)
		}
		for _, p := range paces {
			o.Workers = append(o.Workers, WorkerPace{Name: p.Name, Started: time.UnixMilli(p.Started).UTC(), At: time.UnixMilli(p.At).UTC(), InHand: p.InHand,
				Done: p.Done, Draining: p.Draining, Encoded: named(p.Encoded), Cached: named(p.Cached), Seconds: named(p.Seconds)})
		}
	}
	if t.Lake != nil {
		dead, err := t.counted.get(ctx, t.Lake.Dead)
		if err != nil {
			return nil, s.explain(ctx, err)
		}
		o.Dead = &dead
	}
	return &OverviewAnswer{o}, nil
}

// named is m under plain names; never nil.
func named[K ~string, V any](m map[K]V) map[string]V {
	out := make(map[string]V, len(m))
	for k, v := range m {
		out[string(k)] = v
	}
	return out
}
