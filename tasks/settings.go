package tasks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// SettingsKey is the object below the tenant that holds its settings. It is the
// operator's: nothing of weft writes it. Without it the defaults hold.
const SettingsKey = "settings.json"

// Settings say how a tenant is treated beside the others. They lie in the bucket and not
// in flags, so that every process of a fleet has the same without a restart.
type Settings struct {
	// Weight is the tenant's part of the encoders' time while others want it too, from
	// MinWeight to MaxWeight; one of weight 2 gets twice what one of weight 1 gets.
	Weight float64 `json:"weight"`
	// Quota is how many items of the tenant may wait in the queues, from MinQuota up; 0: its
	// share alone bounds them. What is over it waits in the bucket.
	Quota int `json:"quota"`
	// Filter and Boost are what the tenant asks of every list of recommendations beside
	// what a request asks, in the grammar of requests: "stock>0", "brand:acme*1.2".
	Filter string `json:"filter"`
	Boost  string `json:"boost"`

	// Fault says why the settings in the bucket do not hold; empty when they do.
	Fault string `json:"-"`
}

// Limits of Settings.
const (
	MinWeight = 0.01
	MaxWeight = 100
	MinQuota  = 16
	MaxQuota  = 1_000_000
)

// ErrSettings reports settings that cannot be followed.
var ErrSettings = errors.New("settings of a tenant")

// DefaultSettings are those of a tenant without an object of its own.
func DefaultSettings() Settings { return Settings{Weight: 1} }

// Validate names the field that cannot be followed. It wraps ErrSettings.
func (s Settings) Validate() error {
	switch {
	case !(s.Weight >= MinWeight && s.Weight <= MaxWeight): // not a number either
		return fmt.Errorf("%w: weight %v: want %v to %v (1 is an equal share)", ErrSettings, s.Weight, MinWeight, MaxWeight)
	case s.Quota != 0 && (s.Quota < MinQuota || s.Quota > MaxQuota):
		return fmt.Errorf("%w: quota %d: want %d to %d, or 0 for none", ErrSettings, s.Quota, MinQuota, MaxQuota)
	}
	return nil
}

// ParseSettings reads settings; fields that are not there keep their defaults, and one
// that is not known is refused: a misspelt one would be ignored in silence. Errors wrap
// ErrSettings.
func ParseSettings(b []byte) (Settings, error) {
	s := DefaultSettings()
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return DefaultSettings(), fmt.Errorf(`%w: %w; want {"weight":1,"quota":0,"filter":"","boost":""}`, ErrSettings, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return DefaultSettings(), fmt.Errorf(`%w: something follows the object; want {"weight":1,"quota":0,"filter":"","boost":""} alone`, ErrSettings)
	}
	if err := s.Validate(); err != nil {
		return DefaultSettings(), err
	}
	return s, nil
}
