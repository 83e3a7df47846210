package serve

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weft/storage/deadletters"
	"weft/storage/lake"
	"weft/tasks"
)

// Letter is an input that was given up.
type Letter struct {
	Key       string     `json:"key" doc:"Object key below the tenant, or the id of a row or task"`
	Product   string     `json:"product,omitempty"`
	Name      string     `json:"name,omitempty" doc:"File name of a photo"`
	Reason    string     `json:"reason" doc:"One of a closed list"`
	Stage     string     `json:"stage" doc:"The step that gave it up"`
	Message   string     `json:"message"`
	Attempts  int64      `json:"attempts"`
	Time      time.Time  `json:"time"`
	Dropped   *time.Time `json:"dropped,omitempty" doc:"When somebody acknowledged it for good"`
	Retriable bool       `json:"retriable" doc:"What it is about is still in the bucket"`
	Input     string     `json:"input,omitempty" doc:"Of a row: its text, cut"`
}

func letterOf(d lake.Dead) Letter {
	l := Letter{Key: d.Key, Product: d.Product, Reason: d.Reason, Stage: d.Stage, Message: d.Message, Attempts: d.Attempts,
		Time: time.UnixMilli(d.Time).UTC(), Retriable: deadletters.Retriable(d.Key), Input: d.Input}
	if m := tasks.ParseMediaKey(d.Key); m.Modality == tasks.Image && m.Err == nil {
		l.Name = d.Key[len(tasks.ProductPrefix(m.Product)):]
	}
	if d.Dropped != 0 {
		at := time.UnixMilli(d.Dropped).UTC()
		l.Dropped = &at
	}
	return l
}

// LettersQuery asks for a page of dead letters.
type LettersQuery struct {
	Tenant string `path:"tenant" doc:"The shop" example:"default"`
	Reason string `query:"reason" doc:"Only those with this reason"`
	After  string `query:"after" maxLength:"1024" doc:"Where the page before ended: its next"`
	K      int    `query:"k" minimum:"1" maximum:"1000" default:"50" doc:"How many at most"`
}

// Resolve refuses a reason that is not in the closed list.
func (q *LettersQuery) Resolve(huma.Context) []error { return checkReason("query.reason", q.Reason) }

func checkReason(location, reason string) []error {
	if reason == "" || tasks.Reason(reason).Known() {
		return nil
	}
	return []error{&huma.ErrorDetail{Location: location, Value: reason, Message: "want one of the closed list of reasons, such as " + string(tasks.ReasonTruncated)}}
}

// LettersAnswer is a page of dead letters, in the order of their keys.
type LettersAnswer struct {
	Body struct {
		Letters []Letter `json:"letters" nullable:"false"`
		Next    string   `json:"next,omitempty" doc:"For after; absent on the last page"`
	}
}

func (s *Server) letters(ctx context.Context, in *LettersQuery) (*LettersAnswer, error) {
	l, err := s.lakeOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := l.Dead.RefreshIfOlder(ctx, rowsAge); err != nil {
		return nil, s.explain(ctx, err)
	}
	var out LettersAnswer
	out.Body.Letters = []Letter{}
	from := in.After
	if from != "" {
		from += "\x00"
	}
	for row, err := range l.Dead.Select(ctx, lake.Query{From: from}) {
		switch {
		case err != nil:
			return nil, s.explain(ctx, err)
		case row.Dropped != 0 || in.Reason != "" && row.Reason != in.Reason:
			continue
		}
		if len(out.Body.Letters) == in.K {
			out.Body.Next = out.Body.Letters[in.K-1].Key
			break
		}
		out.Body.Letters = append(out.Body.Letters, letterOf(row))
	}
	return &out, nil
}

// LetterChoice names dead letters: by key, by reason, or all of them.
type LetterChoice struct {
	Keys   []string `json:"keys,omitempty" maxItems:"1000"`
	Reason string   `json:"reason,omitempty"`
	All    bool     `json:"all,omitempty" doc:"All of them; without it, keys or a reason must be given"`
}

// LettersAct is what is to be done with which letters.
type LettersAct struct {
	Tenant string `path:"tenant" doc:"The shop" example:"default"`
	Body   LetterChoice
}

// Resolve refuses an empty choice: it would mean all.
func (a *LettersAct) Resolve(huma.Context) []error {
	if len(a.Body.Keys) == 0 && a.Body.Reason == "" && !a.Body.All {
		return []error{&huma.ErrorDetail{Location: "body", Message: "which letters? give keys, a reason, or all: true"}}
	}
	return checkReason("body.reason", a.Body.Reason)
}

func (a *LettersAct) query() deadletters.Query {
	return deadletters.Query{Keys: a.Body.Keys, Reason: tasks.Reason(a.Body.Reason)}
}

// LettersDone counts what was done.
type LettersDone struct {
	Body struct {
		Changed int `json:"changed" doc:"Letters that are gone from the list"`
		Issued  int `json:"issued" doc:"Of a retry: tasks queued at once; the sweep issues the others"`
		Skipped int `json:"skipped" doc:"Of a retry: not in the bucket any more"`
	}
}

func (s *Server) retryLetters(ctx context.Context, in *LettersAct) (*LettersDone, error) {
	box, err := s.box(ctx)
	if err != nil {
		return nil, err
	}
	done, err := box.Retry(ctx, in.query())
	s.tellOf(ctx, done.Lifted)
	if err != nil {
		return nil, s.explainLetters(ctx, err)
	}
	var out LettersDone
	out.Body.Changed, out.Body.Issued, out.Body.Skipped = len(done.Lifted), done.Issued, done.Skipped
	return &out, nil
}

func (s *Server) dropLetters(ctx context.Context, in *LettersAct) (*LettersDone, error) {
	box, err := s.box(ctx)
	if err != nil {
		return nil, err
	}
	dropped, err := box.Drop(ctx, in.query())
	s.tellOf(ctx, dropped)
	if err != nil {
		return nil, s.explainLetters(ctx, err)
	}
	var out LettersDone
	out.Body.Changed = len(dropped)
	return &out, nil
}

// mostHints bounds the hints for one request; the sweep finds the others.
const mostHints = 100

// tellOf forgets what was counted of dead letters, and hints that products changed.
func (s *Server) tellOf(ctx context.Context, changed []lake.Dead) {
	tenantOf(ctx).counted.forget()
	told := map[string]bool{}
	for _, d := range changed {
		if id, err := tasks.ParseProductID(d.Product); err == nil && !told[d.Product] && len(told) < mostHints {
			told[d.Product] = true
			s.hint(ctx, tenantOf(ctx), id)
		}
	}
}

func (s *Server) explainLetters(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, deadletters.ErrUnknown):
		return problem(http.StatusNotFound, err.Error()+"; it may have been settled meanwhile: list them again")
	case errors.Is(err, deadletters.ErrGone):
		return problem(http.StatusConflict, err.Error())
	}
	return s.explain(ctx, err)
}

// box is the dead letters of the tenant that the request was admitted to.
func (s *Server) box(ctx context.Context) (deadletters.Box, error) {
	l, err := s.lakeOf(ctx)
	if err != nil {
		return deadletters.Box{}, err
	}
	t := tenantOf(ctx)
	if err := l.Dead.RefreshIfOlder(ctx, 0); err != nil {
		return deadletters.Box{}, s.explain(ctx, err)
	}
	gen, err := t.Vectors.Live(ctx)
	return deadletters.Box{Dead: l.Dead, Queue: t.Queue, Tenant: t.name, Generation: gen}, s.explain(ctx, err)
}

// lakeOf is the lake of the tenant that the request was admitted to.
func (s *Server) lakeOf(ctx context.Context) (*lake.Lake, error) {
	if l := tenantOf(ctx).Lake; l != nil {
		return l, nil
	}
	return nil, problem(http.StatusNotImplemented, "this server has no lake to look into; ask one that `weft serve` or `weft up` runs")
}

// LetterCounts sums up the dead letters of a tenant.
type LetterCounts struct {
	Total   int             `json:"total"`
	Reasons []LettersByWhat `json:"reasons" nullable:"false" doc:"The most frequent first"`
	Last    []Letter        `json:"last" nullable:"false" doc:"The five newest"`
}

// LettersByWhat counts letters of one reason.
type LettersByWhat struct {
	Reason  string `json:"reason"`
	Letters int    `json:"letters"`
}

// lettersKept is how many of the newest letters a count keeps.
const lettersKept = 5

// countedLetters keeps a count for a moment: it takes a scan of the table, and every
// open console asks each second or two. The longer the scan takes the longer it is kept.
type countedLetters struct {
	mu    sync.Mutex
	count LetterCounts
	until time.Time
}

func (c *countedLetters) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = time.Time{}
}

func (c *countedLetters) get(ctx context.Context, table *lake.Table[lake.Dead]) (LetterCounts, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	begin := time.Now()
	if begin.Before(c.until) {
		return c.count, nil
	}
	if err := table.RefreshIfOlder(ctx, rowsAge); err != nil {
		return LetterCounts{}, err
	}
	count := LetterCounts{Reasons: []LettersByWhat{}, Last: []Letter{}}
	reasons := map[string]int{}
	for row, err := range table.Select(ctx, lake.Query{Columns: []string{"reason", "stage", "message", "attempts", "time", "product", "dropped"}}) {
		if err != nil {
			return LetterCounts{}, err
		}
		if row.Dropped != 0 {
			continue
		}
		count.Total++
		reasons[row.Reason]++
		if at := time.UnixMilli(row.Time); len(count.Last) < lettersKept || at.After(count.Last[lettersKept-1].Time) {
			i, _ := slices.BinarySearchFunc(count.Last, at, func(l Letter, at time.Time) int { return at.Compare(l.Time) })
			count.Last = slices.Insert(count.Last, i, letterOf(row))
			count.Last = count.Last[:min(lettersKept, len(count.Last))]
		}
	}
	for reason, n := range reasons {
		count.Reasons = append(count.Reasons, LettersByWhat{reason, n})
	}
	slices.SortFunc(count.Reasons, func(a, b LettersByWhat) int {
		return cmp.Or(cmp.Compare(b.Letters, a.Letters), cmp.Compare(a.Reason, b.Reason))
	})
	c.count, c.until = count, time.Now().Add(max(rowsAge, snapshotShare*time.Since(begin)))
	return count, nil
}
