package main

import (
	"strings"
	"testing"
)

// commands are those that do something.
func commands() [][]string {
	return [][]string{
		{"up"}, {"demo"}, {"scheduler"}, {"worker"}, {"serve"}, {"import"}, {"status"}, {"get"}, {"similar"}, {"export"},
		{"encode"}, {"evaluate"}, {"audit"}, {"models"}, {"models", "pull"}, {"models", "list"}, {"models", "verify"}, {"bench"},
	}
}

// TestHelp wants an example that names the command from each --help.
func TestHelp(t *testing.T) {
	for _, c := range commands() {
		name := strings.Join(c, " ")
		help := done(t, append(c, "--help")...)
		_, examples, found := strings.Cut(help, "Example")
		if !found || !strings.Contains(examples, "weft "+name) {
			t.Errorf("weft %s --help shows no example of it", name)
		}
	}
	help := done(t, "--help")
	for _, c := range commands() {
		if !strings.Contains(help, "\n  "+c[0]) {
			t.Errorf("weft --help does not list %s", c[0])
		}
	}
	if bare := done(t); bare != help {
		t.Error("weft alone does not print its help")
	}
	if v := done(t, "--version"); strings.TrimSpace(v) != version {
		t.Errorf("--version prints %q", v)
	}
}

// TestUsage makes one mistake at a time: exit code 2, nothing on standard output,
// and a message that names what was wrong.
func TestUsage(t *testing.T) {
	s := newShop(t)
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"dance"}, "dance"},
		{[]string{"up"}, "--data"},
		{[]string{"up", "--data", s.dir, "--sweep-every", "soon"}, "sweep-every"},
		{[]string{"up", "--data", s.dir, "--nonsense"}, "nonsense"},
		{[]string{"up", "--data", s.dir, "--tenant", "No Such"}, "--tenant"},
		{[]string{"up", "--data", s.dir, "--decoder", "best"}, "decoder"},
		{[]string{"up", "--data", s.dir, "--provider", "abacus"}, "provider"},
		{[]string{"up", "--data", s.dir, "--image-model", "none-such"}, "none-such"},
		{[]string{"up", "--data", s.dir, "--listen", "0.0.0.0:0"}, "token"},
		{[]string{"worker", "--objects", "file://" + s.dir}, "--queue"},
		{[]string{"worker", "--objects", "file://" + s.dir, "--queue", "localhost:6379"}, "redis://"},
		{[]string{"worker", "--queue", "redis://127.0.0.1:1/0", "--vectors", "redis://127.0.0.1:1/1"}, "--objects"},
		{[]string{"worker", "--data", s.dir, "--objects", "file://" + s.dir, "--queue", "redis://127.0.0.1:1/0"}, "exclude"},
		{[]string{"audit"}, "--data"},
		{[]string{"audit", "--objects", "ftp://there"}, "ftp"},
		{[]string{"get", "product", "--data", s.dir}, "id"},
		{[]string{"get", "weather", "x", "--data", s.dir}, "product"},
		{[]string{"get", "product", "../x", "--data", s.dir}, "../x"},
		{[]string{"similar", "x", "-k", "0", "--data", s.dir}, "-k"},
		{[]string{"similar", "x", "-k", "1001", "--data", s.dir}, "-k"},
		{[]string{"similar", "a b", "--data", s.dir}, "a b"},
		{[]string{"export", "products", "--data", s.dir}, "--out"},
		{[]string{"export", "products", "--data", s.dir, "--out", "x", "--format", "xls"}, "format"},
		{[]string{"import", "--data", s.dir}, "from"},
		{[]string{"import", "--data", s.dir, "no-such-file"}, "no-such-file"},
		{[]string{"encode", "-"}, "--model"},
		{[]string{"encode", "--model", "none-such", "-"}, "none-such"},
		{[]string{"encode", "--model", "onnxruntime", "-"}, "onnxruntime"},
		{[]string{"models", "verify", "none-such"}, "none-such"},
		{[]string{"models", "pull", "none-such"}, "none-such"},
	} {
		o := weft(t, c.args...)
		if o.code != exitUsage || o.out != "" || !strings.Contains(strings.ToLower(o.err), strings.ToLower(c.says)) {
			t.Errorf("weft %s: exit %d, out %.80q, says %q; want exit 2 and %q", strings.Join(c.args, " "), o.code, o.out, o.err, c.says)
		}
	}
}
