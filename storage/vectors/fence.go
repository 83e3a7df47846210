package vectors

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"weft/tasks"
)

// Outcome says what became of a write.
type Outcome int

// The outcomes.
const (
	// Stale: a newer version, or a deletion at least as new, is there. Nothing was written.
	Stale Outcome = iota
	// Unchanged: what is there is as good. Only its source version was raised.
	Unchanged
	// Written: readers see the new state, and it was announced.
	Written
)

// String is the outcome as a metric label.
func (o Outcome) String() string {
	switch o {
	case Stale:
		return "stale"
	case Unchanged:
		return "unchanged"
	case Written:
		return "written"
	}
	return fmt.Sprintf("Outcome(%d)", int(o))
}

// The scripts touch their one key alone and return an Outcome.
//
// Equal sources raise the stored version though they write nothing else: otherwise a
// slow task that read an intermediate state (parts A, then B, then A again) would
// still pass the fence. The very record that is there already counts as written: it
// may be the repetition of a write whose reply was lost, and not be announced yet.
var (
	putScript = redis.NewScript(`
local version, sources, updated = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local old = redis.call('HMGET', KEYS[1], 'source_version', 'sources', 'updated_at', 'deleted')
local held = tonumber(old[1] or '')
if held then
  if version < held or (old[4] and version == held) then return 0 end
  if not old[4] and old[2] == sources then
    if version == held and old[3] == updated then return 2 end
    redis.call('HSET', KEYS[1], 'source_version', ARGV[1])
    return 1
  end
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
return 2`)

	deleteScript = redis.NewScript(`
local old = redis.call('HMGET', KEYS[1], 'source_version', 'deleted')
local held = tonumber(old[1] or '')
if held and tonumber(ARGV[1]) < held then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'source_version', ARGV[1], 'deleted', '1')
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if old[2] or not held then return 1 end
return 2`)
)

// command is one call of a script.
type command struct {
	key  string
	args []any
}

// Put writes a record unless a newer version of it is there, and announces it. A
// lower source version never wins; equal sources need no write. Errors: ErrInvalid,
// ErrFull, ErrUnavailable (it may have been written; putting the same record again
// is safe, and announces it if it was not).
func (s *Store) Put(ctx context.Context, gen tasks.Generation, kind Kind, r Record) (Outcome, error) {
	outcomes, err := s.PutMany(ctx, gen, kind, r)
	if err != nil {
		return Stale, err
	}
	return outcomes[0], nil
}

// PutMany is Put for many records in two round trips. Each is fenced by itself; on
// error any of them may have been written.
func (s *Store) PutMany(ctx context.Context, gen tasks.Generation, kind Kind, records ...Record) ([]Outcome, error) {
	outcomes, err := s.fenced(ctx, gen, kind, records)
	if err != nil {
		return nil, fmt.Errorf("vectors: put: %w", err)
	}
	var news []Update
	for i, o := range outcomes {
		if o == Written {
			news = append(news, Update{Kind: kind, ID: records[i].ID, Generation: gen, UpdatedAt: records[i].UpdatedAt})
		}
	}
	if err := s.announce(ctx, news); err != nil {
		return nil, fmt.Errorf("vectors: put: %w", err)
	}
	return outcomes, nil
}

func (s *Store) fenced(ctx context.Context, gen tasks.Generation, kind Kind, records []Record) ([]Outcome, error) {
	space, err := s.space(gen, kind)
	if err != nil {
		return nil, err
	}
	commands := make([]command, len(records))
	for i := range records {
		r := &records[i]
		if err := r.Validate(kind); err != nil {
			return nil, err
		}
		commands[i] = command{space + r.ID, append([]any{r.SourceVersion, r.Sources, r.UpdatedAt}, r.fields(kind)...)}
	}
	return s.run(ctx, putScript, commands)
}

// Delete removes a vector unless a newer version of it is there, leaves a tombstone,
// and announces it if there was a vector. sourceVersion is when it was found that
// the product or user is gone, by Now. Errors as for Put.
func (s *Store) Delete(ctx context.Context, gen tasks.Generation, kind Kind, id string, sourceVersion int64) (Outcome, error) {
	key, err := s.key(gen, kind, id)
	if err == nil {
		err = checkVersion(sourceVersion)
	}
	if err != nil {
		return Stale, fmt.Errorf("vectors: delete: %w", invalid(err))
	}
	outcomes, err := s.run(ctx, deleteScript, []command{{key, []any{sourceVersion, s.tombstoneTTL.Milliseconds()}}})
	if err != nil {
		return Stale, fmt.Errorf("vectors: delete %s %s: %w", kind, id, err)
	}
	if outcomes[0] == Written {
		if err := s.announce(ctx, []Update{{Kind: kind, ID: id, Generation: gen, UpdatedAt: sourceVersion}}); err != nil {
			return Stale, fmt.Errorf("vectors: delete %s %s: %w", kind, id, err)
		}
	}
	return outcomes[0], nil
}

func invalid(err error) error {
	if errors.Is(err, ErrInvalid) {
		return err
	}
	return fmt.Errorf("%w: %v", ErrInvalid, err)
}

// run sends the commands in one pipeline. A server that does not know the script
// (any server may forget it at any time) gets its text with those that failed.
func (s *Store) run(ctx context.Context, script *redis.Script, commands []command) ([]Outcome, error) {
	outcomes := make([]Outcome, len(commands))
	replies := make([]*redis.Cmd, len(commands))
	_, _ = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error { // each reply has its own error
		for i, c := range commands {
			replies[i] = script.EvalSha(ctx, p, []string{c.key}, c.args...)
		}
		return nil
	})
	var unknown []int
	for i, reply := range replies {
		switch n, err := reply.Int(); {
		case redis.HasErrorPrefix(err, "NOSCRIPT"):
			unknown = append(unknown, i)
		case err != nil:
			return nil, classify(err)
		default:
			outcomes[i] = Outcome(n)
		}
	}
	if len(unknown) == 0 {
		return outcomes, nil
	}
	_, _ = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, i := range unknown {
			replies[i] = script.Eval(ctx, p, []string{commands[i].key}, commands[i].args...)
		}
		return nil
	})
	for _, i := range unknown {
		n, err := replies[i].Int()
		if err != nil {
			return nil, classify(err)
		}
		outcomes[i] = Outcome(n)
	}
	return outcomes, nil
}
