package fusion

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestDefaultConfigIsPinned(t *testing.T) {
	c := DefaultConfig(1280, 384)
	data, err := c.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"blocks":[{"dim":1280,"modalities":[{"lead":2,"name":"image","weight":1}],"name":"image","out":384,"seed":3,"weight":1},` +
		`{"dim":384,"modalities":[{"lead":1,"name":"text","weight":1},{"lead":1,"name":"review","weight":0.5}],"name":"text","out":192,"seed":2,"weight":1}],` +
		`"kind":"concat","version":1}`
	if string(data) != want {
		t.Errorf("canonical form changed, and with it every generation:\n got %s\nwant %s", data, want)
	}
	if sum, err := c.Fingerprint(); err != nil || sum != "b3f773e681f1fda56a1c99359a537b88041ae5ea97c44899d12f7d2a24681f42" {
		t.Errorf("fingerprint %s (%v)", sum, err)
	}
	if c.Dim() != 576 {
		t.Errorf("dim %d", c.Dim())
	}
	back, err := ParseConfig(data)
	if err != nil || !reflect.DeepEqual(back, c) {
		t.Errorf("read back as %+v (%v)", back, err)
	}
	if got := DefaultConfig(64, 128).Dim(); got != 192 {
		t.Errorf("small encoders give dim %d, want 192", got)
	}
}

func TestValidate(t *testing.T) {
	for field, spoil := range map[string]func(*Config){
		"kind":                             func(c *Config) { c.Kind = "attend" },
		"version":                          func(c *Config) { c.Version = 2 },
		"blocks":                           func(c *Config) { c.Blocks = nil },
		"blocks[0].name":                   func(c *Config) { c.Blocks[0].Name = "Image" },
		"blocks[1].name":                   func(c *Config) { c.Blocks[1].Name = "image" },
		"blocks[0].dim":                    func(c *Config) { c.Blocks[0].Dim = 0 },
		"blocks[1].dim":                    func(c *Config) { c.Blocks[1].Dim = 1 << 20 },
		"blocks[0].out":                    func(c *Config) { c.Blocks[0].Out = 1281 },
		"blocks[1].out":                    func(c *Config) { c.Blocks[1].Out = 0 },
		"blocks[0].seed":                   func(c *Config) { c.Blocks[0].Seed = 1 << 53 },
		"blocks[0].weight":                 func(c *Config) { c.Blocks[0].Weight = 0 },
		"blocks[0].modalities":             func(c *Config) { c.Blocks[0].Modalities = nil },
		"blocks[1].modalities[1].name":     func(c *Config) { c.Blocks[1].Modalities[1].Name = "text" },
		"blocks[1].modalities[0].name":     func(c *Config) { c.Blocks[1].Modalities[0].Name = "image" },
		"blocks[1].modalities[1].weight":   func(c *Config) { c.Blocks[1].Modalities[1].Weight = -1 },
		"blocks[0].modalities[0].lead":     func(c *Config) { c.Blocks[0].Modalities[0].Lead = 0 },
		"blocks[0].modalities[0].lead is ": func(c *Config) { c.Blocks[0].Modalities[0].Lead = 1e9 },
	} {
		c := DefaultConfig(1280, 384)
		spoil(&c)
		err := c.Validate()
		if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
		if _, err := NewConcat(c); !errors.Is(err, ErrConfig) {
			t.Errorf("NewConcat takes a bad %s", field)
		}
		if _, err := c.Fingerprint(); !errors.Is(err, ErrConfig) {
			t.Errorf("Fingerprint takes a bad %s", field)
		}
	}
}

func TestParseConfigRefuses(t *testing.T) {
	for _, text := range []string{"", "[]", "{}", `{"kind":"concat","version":1,"blocks":[],"extra":1}`, `{"kind":"concat","version":1} {}`} {
		if _, err := ParseConfig([]byte(text)); !errors.Is(err, ErrConfig) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
