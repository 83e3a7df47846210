package lake

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"weft/storage/objects"
)

const movesPrefix = generationsPrefix + "moves/"

// Move is the record of one change of the live generation: lake/v1/generations/moves/<Unix ms>-<to>.json.
type Move struct {
	From   string          `json:"from"`
	To     string          `json:"to"`
	At     int64           `json:"at"`              // Unix ms
	Why    string          `json:"why"`             // promoted, forced or back
	Figure json.RawMessage `json:"gate,omitempty"`  // what was measured, where anything was
	Model  string          `json:"model,omitempty"` // fingerprint of the trained fusion that To pins
}

// Move records a change of the live generation, then makes it: SetLive. A record without the change is left by a crash
// between the two; repeating makes both.
func (g Generations) Move(ctx context.Context, m Move) error {
	if m.At == 0 {
		m.At = time.Now().UnixMilli()
	}
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("lake: record of generation %s: %w", m.To, err)
	}
	if _, err := g.store.Put(ctx, fmt.Sprintf("%s%013d-%s.json", movesPrefix, m.At, m.To), body, objects.Condition{}); err != nil {
		return fmt.Errorf("lake: record of generation %s: %w", m.To, err)
	}
	return g.SetLive(ctx, m.From, m.To)
}

// Moves are the recorded changes, oldest first.
func (g Generations) Moves(ctx context.Context) ([]Move, error) {
	var all []Move
	for info, err := range g.store.List(ctx, movesPrefix, "") {
		if err != nil {
			return nil, fmt.Errorf("lake: changes of the live generation: %w", err)
		}
		body, _, err := g.store.Get(ctx, info.Key, objects.GetOptions{MaxBytes: maxGeneration})
		if err != nil {
			return nil, fmt.Errorf("lake: %s: %w", info.Key, err)
		}
		var m Move
		if err := json.Unmarshal(body, &m); err != nil {
			return nil, fmt.Errorf("lake: %s: %w", info.Key, err)
		}
		all = append(all, m)
	}
	return all, nil
}
