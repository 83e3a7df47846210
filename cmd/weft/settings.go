package main

import (
	"context"
	"errors"
	"time"

	"weft/serve"
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

// asksOfLists is what the settings ask of every list at the moment.
func (t *tenant) asksOfLists() serve.Standing {
	if s := t.standing.Load(); s != nil {
		return *s
	}
	return serve.Standing{}
}

// followSettings reads them again until the tenant is closed.
func (t *tenant) followSettings() {
	tick := time.NewTicker(settingsEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.readSettings(t.running)
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
	now, standing := tasks.DefaultSettings(), serve.Standing{}
	switch {
	case err == nil:
		if now, err = tasks.ParseSettings(body); err == nil {
			standing, err = serve.ParseStanding(now)
		}
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
	if now.Fault == "" {
		t.standing.Store(&standing)
	}
	if now.Fault != "" {
		t.log.Warn("the tenant's settings cannot be followed; those before hold", "weight", now.Weight, "quota", now.Quota, "error", now.Fault)
		return
	}
	t.log.Info("settings", "weight", now.Weight, "quota", now.Quota, "filter", now.Filter, "boost", now.Boost)
}
