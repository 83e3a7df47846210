package promote

import (
	"context"
	"fmt"

	"weft/fusion"
	"weft/gather"
	"weft/storage/lake"
	"weft/tasks"
)

func (r *Remaking) users(ctx context.Context, batch []counterpart, c *counts) error {
	defer c.tell()
	c.users.Add(int64(len(batch)))
	generation := string(r.Reader.Generation)
	keys := make([]string, len(batch))
	for i, u := range batch {
		keys[i] = lake.UserKey(generation, u.id)
	}
	have, err := r.Reader.Lake.UserVectors.LookUp(ctx, keys, "sources")
	if err != nil {
		return err
	}
	var todo []gather.User
	var rows []lake.UserVector
	var versions []int64
	for i, u := range batch {
		there, known := have[keys[i]]
		if known && there.Sources == u.sources || u.sources == "" && !known {
			c.current.Add(1)
			continue
		}
		version := max(u.version, there.Version)
		if u.sources == "" { // withdrawn: no consent, or nothing left
			rows = append(rows, r.tombstone(tasks.UserID(u.id), version, ""))
			continue
		}
		parts, ok, err := r.user(ctx, tasks.UserID(u.id))
		if err != nil {
			return err
		}
		if !ok || parts.Sources != u.sources {
			c.left.Add(1)
			continue
		}
		todo, versions = append(todo, parts), append(versions, version)
	}
	in := make([]fusion.UserParts, len(todo))
	for i := range todo {
		in[i] = todo[i].Parts()
	}
	made, err := r.Model.Users(ctx, in)
	if err != nil {
		return err
	}
	for i := range made {
		if made[i].Vector == nil { // as the worker keeps it: of these parts none can be made
			rows = append(rows, r.tombstone(todo[i].ID, versions[i], todo[i].Sources))
			continue
		}
		rows = append(rows, todo[i].Row(r.Reader.Generation, versions[i], made[i]))
	}
	if len(rows) == 0 {
		return nil
	}
	if err := r.Reader.Lake.UserVectors.Append(ctx, rows...); err != nil {
		return fmt.Errorf("storing vectors of shoppers: %w", err)
	}
	c.made.Add(int64(len(rows)))
	return nil
}

func (r *Remaking) tombstone(id tasks.UserID, version int64, sources string) lake.UserVector {
	generation := string(r.Reader.Generation)
	return lake.UserVector{Row: lake.Row{Key: lake.UserKey(generation, string(id)), Version: version, Deleted: true}, User: string(id), Generation: generation, Sources: sources}
}

// user gathers one; ok is false for one that the workers have to make.
func (r *Remaking) user(ctx context.Context, id tasks.UserID) (u gather.User, ok bool, err error) {
	h, err := r.Reader.History(ctx, id)
	if err != nil || h.Declined || h.Empty {
		return u, false, err
	}
	if u, err = r.Reader.User(ctx, id, h); err != nil {
		return u, false, err
	}
	for range u.Missing() {
		return u, false, nil
	}
	return u, true, nil
}
