package main

import (
	"context"
	"errors"
	"time"

	"weft/storage/objects"
	"weft/tasks"
)

// settingsEvery is how often a tenant's settings are read again.
const settingsEvery = 5 * time.Second

// settings are the tenant's at the moment.
func (t *tenant) settings() tasks.Settings {
	if s := t.set.Load(); s != nil {
		return *s
	}
	return tasks.DefaultSettings()
}

// followSettings reads them until the tenant is closed.
func (t *tenant) followSettings() {
	tick := time.NewTicker(settingsEvery)
	defer tick.Stop()
	for {
		t.readSettings(t.running)
		select {
		case <-tick.C:
		case <-t.running.Done():
			return
		}
	}
}

// maxSettings bounds the object.
const maxSettings = 64 << 10

// readSettings takes what the bucket says. What cannot be followed changes nothing, and says
// why.
func (t *tenant) readSettings(ctx context.Context) {
	before := t.settings()
	body, _, err := t.bucket.Get(ctx, tasks.SettingsKey, objects.GetOptions{MaxBytes: maxSettings})
	now := tasks.DefaultSettings()
	switch {
	case err == nil:
		now, err = tasks.ParseSettings(body)
	case errors.Is(err, objects.ErrNotExist):
		err = nil
	case !errors.Is(err, objects.ErrTooLarge):
		return // the store is away: as before
	}
	if err != nil {
		now = before
		now.Fault = tasks.SettingsKey + ": " + err.Error()
	}
	if now == before {
		return
	}
	t.set.Store(&now)
	if now.Fault != "" {
		t.log.Warn("the tenant's settings cannot be followed; those before hold", "weight", now.Weight, "quota", now.Quota, "error", now.Fault)
		return
	}
	t.log.Info("settings", "weight", now.Weight, "quota", now.Quota)
}
