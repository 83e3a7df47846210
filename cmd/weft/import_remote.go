package main

import (
	"bytes"
	"context"
	"fmt"

	"weft/behaviour"
	"weft/client"
)

// remote takes rows to a server, which finds in them what a file would have held:
// their lines are numbered by their place, so that blank lines stand for those that
// are no rows.
type remote struct{ api *client.Client }

func (remote) close() {}

func (r remote) take(ctx context.Context, b behaviour.Batch) (taken, error) {
	var done taken
	for rows := b.Rows; len(rows) > 0; {
		body, sent := body(b.Kind, rows)
		c, err := r.api.Lines(ctx, string(b.Kind), body, client.Lines{Source: b.Source, File: b.File, First: rows[0].Line, At: b.At})
		if err != nil {
			return done, err
		}
		if c.Rows != sent {
			return done, fmt.Errorf("the server counts %d rows from line %d of %s on where %d were sent", c.Rows, rows[0].Line, b.Source, sent)
		}
		done.counts.Add(behaviour.Counts{Rows: c.Rows, Accepted: c.Accepted, Dead: c.Dead, Duplicate: c.Duplicate, Declined: c.Declined, Waiting: c.Waiting})
		var steps []behaviour.StepCount
		for _, s := range c.Steps {
			steps = append(steps, behaviour.StepCount(s))
		}
		done.steps = addSteps(done.steps, steps)
		for _, row := range c.Results {
			if row.Outcome == string(behaviour.Dead) && len(done.dead) < maxTold {
				done.dead = append(done.dead, fmt.Sprintf("%d: %s: %s", row.Line, row.Reason, row.Message))
			}
		}
		rows = rows[sent:]
	}
	return done, nil
}

// maxBody bounds one request, well below what a server takes.
const maxBody = 16 << 20

// body renders rows as lines; sent is how many of them it holds.
func body(k behaviour.Kind, rows []behaviour.RawRow) (text []byte, sent int) {
	var b bytes.Buffer
	at := rows[0].Line
	for _, row := range rows {
		gap := row.Line - at
		if sent > 0 && b.Len()+gap+len(row.JSON) > maxBody {
			break
		}
		for range gap {
			b.WriteByte('\n')
		}
		line := row.JSON
		if row.Fault != nil {
			line = refusedLine(k, row)
		}
		b.Write(bytes.ReplaceAll(line, []byte("\n"), []byte(" ")))
		b.WriteByte('\n')
		at, sent = row.Line+1, sent+1
	}
	return b.Bytes(), sent
}

// refusedLine is a line that the server will refuse as it was refused here: too long, if
// it was, else not JSON.
func refusedLine(k behaviour.Kind, row behaviour.RawRow) []byte {
	line := bytes.TrimSpace(row.JSON)
	if len(line) >= behaviour.MaxExcerpt {
		return append(append([]byte(nil), line...), bytes.Repeat([]byte("."), behaviour.RowLimit(k)+1-len(line))...)
	}
	return append(append([]byte(nil), line...), " ("+row.Fault.Error()+")"...)
}
