package train

import (
	"context"

	"weft/fusion/dataset"
)

// Powers of an interaction's weight that are tried: all alike, and how much less a look says than a purchase.
var powers = [...]float32{0, .5, 1}

const (
	usualPower = .5
	// strengthLimit is the largest catalogue on which powers are tried: each takes a few fits of EASE.
	strengthLimit = 5_000
)

// Power is a power of the weights that was tried, and what EASE reached with it.
type Power struct {
	Power      float32 `json:"power"`
	Validation Metrics `json:"validation"`
}

// chooseStrength decides, where interactions differ in kind, how much they say beside each other: by what EASE makes of them,
// which asks the same of a history as everything else here does, and costs little.
func (t *training) chooseStrength(ctx context.Context) error {
	full := t.Data.Full
	if full == 0 {
		return nil
	}
	t.Config.Strength = dataset.Strength{Full: full, Power: usualPower}
	if len(t.Data.Items) > strengthLimit {
		return nil
	}
	t.Watch.stage("how much a look says beside a purchase")
	var best Metrics
	chosen := t.Config.Strength
	for _, p := range powers {
		t.Config.Strength.Power = p
		ease, err := bestEASE(ctx, t.products, t.judge, t.history(t.Data.Train))
		if err != nil {
			return err
		}
		t.summary.Powers = append(t.summary.Powers, Power{p, ease.metrics})
		if ease.metrics.better(best) {
			best, chosen.Power = ease.metrics, p
		}
	}
	t.Config.Strength = chosen
	return nil
}
