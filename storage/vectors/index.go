package vectors

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"weft/tasks"
)

// ErrNoQueryEngine: the server keeps no index. The error says why: it has no Query
// Engine (module search), the database is another than 0, which alone is indexed, the
// server is a cluster, or this user may not.
var ErrNoQueryEngine = errors.New("no Query Engine here")

// Index is how far the index of the live generation's products is.
type Index struct {
	// Name is …:<generation>:products; Alias, …:products, is what readers search.
	Name, Alias string
	// Indexed is the share of the products that are in it, 0 to 1.
	Indexed float64
	// Current says that the alias leads to it, and that it is whole.
	Current bool
}

// KeepIndex takes the next steps towards an index of the live generation's products,
// none of which waits: the server builds an index in the background, the alias goes
// over to it once it is whole, and then the indexes of other generations are dropped
// (not their vectors). Until then readers have the former one. Call it again until it is
// Current, and now and then afterwards; several processes may. The zero Index comes
// while nothing is live or no product is there.
//
// The fields are vector and content (HNSW, float32, cosine), category (tag, parted by
// nothing) and price (numeric).
//
// Errors: ErrNoQueryEngine, ErrUnavailable.
func (s *Store) KeepIndex(ctx context.Context) (Index, error) {
	fail := func(what string, err error) (Index, error) {
		return Index{}, fmt.Errorf("vectors: index: %s: %w", what, noEngine(err))
	}
	if _, cluster := s.rdb.(*redis.ClusterClient); cluster {
		return Index{}, fmt.Errorf("vectors: index: %w: the server is a cluster", ErrNoQueryEngine)
	}
	all, err := s.rdb.Do(ctx, "FT._LIST").StringSlice()
	if err != nil {
		return fail("list", err)
	}
	gen, err := s.Live(ctx)
	if errors.Is(err, ErrNotLive) {
		return Index{}, nil
	}
	if err != nil {
		return Index{}, err
	}
	x := Index{Name: s.prefix + string(gen) + ":products", Alias: s.prefix + "products"}
	info, err := s.indexInfo(ctx, x.Name)
	if unknownIndex(err) {
		if made, err := s.createIndex(ctx, gen, x.Name); err != nil || !made {
			return Index{}, err
		}
		info, err = s.indexInfo(ctx, x.Name)
	}
	if err != nil {
		return fail("state of "+x.Name, err)
	}
	if x.Indexed, err = strconv.ParseFloat(info["percent_indexed"], 64); err != nil {
		return x, fmt.Errorf("vectors: index: %s: percent_indexed is %q: %w", x.Name, info["percent_indexed"], err)
	}
	if info["indexing"] != "0" || x.Indexed < 1 {
		return x, nil
	}
	if err := s.rdb.Do(ctx, "FT.ALIASUPDATE", x.Alias, x.Name).Err(); err != nil {
		return fail("alias "+x.Alias, err)
	}
	x.Current = true
	for _, other := range all {
		if strings.HasPrefix(other, s.prefix) && strings.HasSuffix(other, ":products") && other != x.Name {
			if err := s.rdb.Do(ctx, "FT.DROPINDEX", other).Err(); err != nil && !unknownIndex(err) {
				return fail("dropping "+other, err)
			}
		}
	}
	return x, nil
}

// createIndex makes an index, if there is a product to tell the dimensions by.
func (s *Store) createIndex(ctx context.Context, gen tasks.Generation, name string) (made bool, err error) {
	for r, err := range s.All(ctx, gen, Product) {
		if errors.Is(err, ErrCorrupt) {
			continue
		}
		if err != nil {
			return false, err
		}
		space, err := s.space(gen, Product)
		if err != nil {
			return false, err
		}
		args := []any{"FT.CREATE", name, "ON", "HASH", "PREFIX", 1, space, "SCHEMA"}
		for _, field := range []string{fieldVector, fieldContent} {
			dim := len(r.Vector)
			if field == fieldContent {
				dim = len(r.Content)
			}
			args = append(args, field, "VECTOR", "HNSW", 6, "TYPE", "FLOAT32", "DIM", dim, "DISTANCE_METRIC", "COSINE")
		}
		// A category may hold a comma, at which tags part unless told otherwise.
		args = append(args, fieldCategory, "TAG", "SEPARATOR", "\x1f", fieldPrice, "NUMERIC")
		err = s.rdb.Do(ctx, args...).Err()
		if err != nil && !strings.Contains(err.Error(), "already exists") { // by another process
			return false, fmt.Errorf("vectors: index: making %s: %w", name, noEngine(err))
		}
		return true, nil
	}
	return false, nil
}

// indexInfo reads the plain fields of what the server tells of an index or alias.
func (s *Store) indexInfo(ctx context.Context, name string) (map[string]string, error) {
	reply, err := s.rdb.Do(ctx, "FT.INFO", name).Result()
	if err != nil {
		return nil, err
	}
	info := map[string]string{}
	switch reply := reply.(type) { // by the protocol of the connection
	case map[any]any:
		for k, v := range reply {
			info[fmt.Sprint(k)] = fmt.Sprint(v)
		}
	case []any:
		for i := 0; i+1 < len(reply); i += 2 {
			info[fmt.Sprint(reply[i])] = fmt.Sprint(reply[i+1])
		}
	}
	return info, nil
}

// unknownIndex tells whether the server has no such index or alias; it words that in several ways.
func unknownIndex(err error) bool {
	if err == nil {
		return false
	}
	said := strings.ToLower(err.Error())
	return strings.Contains(said, "unknown index") || strings.Contains(said, "no such index") || strings.Contains(said, "index does not exist")
}

// noEngine is classify for commands of the Query Engine.
func noEngine(err error) error {
	said := strings.ToLower(err.Error())
	var reply redis.Error
	switch {
	case errors.As(err, &reply) && (strings.Contains(said, "unknown command") || strings.Contains(said, "db != 0") || strings.HasPrefix(said, "noperm")):
		return fmt.Errorf("%w: %v", ErrNoQueryEngine, err)
	}
	return classify(err)
}
