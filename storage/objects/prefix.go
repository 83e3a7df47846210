package objects

import (
	"context"
	"iter"
	"strings"
)

// WithPrefix shows the part of s whose keys begin with prefix and a slash, under
// keys without them. prefix is one or more key segments, such as a tenant's name;
// if it is empty the result is s itself.
func WithPrefix(s Store, prefix string) Store {
	if prefix == "" {
		return s
	}
	return &prefixed{store: s, prefix: strings.TrimSuffix(prefix, "/") + "/"}
}

type prefixed struct {
	store  Store
	prefix string
}

// inner keeps an empty key empty, so that it is refused as such.
func (p *prefixed) inner(key string) string {
	if key == "" {
		return ""
	}
	return p.prefix + key
}

func (p *prefixed) outer(info Info) Info {
	info.Key = strings.TrimPrefix(info.Key, p.prefix)
	return info
}

func (p *prefixed) Put(ctx context.Context, key string, body []byte, cond Condition) (Info, error) {
	info, err := p.store.Put(ctx, p.inner(key), body, cond)
	return p.outer(info), err
}

func (p *prefixed) Get(ctx context.Context, key string, opt GetOptions) ([]byte, Info, error) {
	body, info, err := p.store.Get(ctx, p.inner(key), opt)
	return body, p.outer(info), err
}

func (p *prefixed) ReadRange(ctx context.Context, key string, off, n int64, ifMatch string) ([]byte, error) {
	return p.store.ReadRange(ctx, p.inner(key), off, n, ifMatch)
}

func (p *prefixed) Stat(ctx context.Context, key string) (Info, error) {
	info, err := p.store.Stat(ctx, p.inner(key))
	return p.outer(info), err
}

func (p *prefixed) List(ctx context.Context, prefix, after string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		for info, err := range p.store.List(ctx, p.prefix+prefix, p.inner(after)) {
			if !yield(p.outer(info), err) {
				return
			}
		}
	}
}

func (p *prefixed) Delete(ctx context.Context, key string) error {
	return p.store.Delete(ctx, p.inner(key))
}
