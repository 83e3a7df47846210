package main

import (
	"path/filepath"
	"testing"
)

// Files that lie in the inbox are taken in by `weft up`, products first, and put away.
func TestUpEmptiesTheInbox(t *testing.T) {
	s := newShop(t)
	inbox := filepath.Join(s.dir, "bucket", "default", "inbox")
	write(t, filepath.Join(inbox, "products", "p.jsonl"), []byte(`{"id":"hat","title":"Blue felt hat"}`+"\n"+`{"id":"a b","title":"x"}`+"\n"))
	write(t, filepath.Join(inbox, "events", "e.jsonl"), []byte(`{"id":"e1","user":"u1","type":"view","product":"hat"}`+"\n"+`{"id":"e2","user":"u1","type":"view","product":"coat"}`+"\nbroken\n"))
	write(t, filepath.Join(inbox, "reviews", "r.jsonl"), []byte(`{"id":"r1","user":"u2","product":"hat","rating":5,"text":"warm and soft"}`+"\n"))
	s.up()
	if !s.has("hat") {
		t.Error("the product of the inbox has no vector")
	}
	events := storedEvents(t, s.dir)
	if len(events) != 2 || events["u1/e1"].Source != "inbox/events/e.jsonl" {
		t.Errorf("%+v", events)
	}
	dead := s.dead()
	if len(dead) != 2 {
		t.Errorf("dead: %v", dead)
	}
	done, err := filepath.Glob(filepath.Join(inbox, "done", "*", "*.jsonl"))
	must(t, err)
	left, err := filepath.Glob(filepath.Join(inbox, "[epr]*", "*.jsonl"))
	must(t, err)
	if len(done) != 3 || len(left) != 0 {
		t.Errorf("done %v, left %v", done, left)
	}
}
