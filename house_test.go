package weft_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const longestFile = 450 // lines of a Go file; they read best at 80 to 200

// environment are the functions of os that read settings of the process. (Environ hands all of it to a child, which is
// another matter.)
var environment = []string{"Getenv", "LookupEnv", "ExpandEnv"}

// source walks the tree and calls visit for each of our files, with its slash-separated path.
func source(t *testing.T, visit func(path string, body []byte)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch path {
			case ".git", "bin", "out", "data":
				return filepath.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || path == ".git" { // a file in a further working tree
			return nil
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		visit(filepath.ToSlash(path), body)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestGoFiles(t *testing.T) {
	packages := map[string]bool{} // folder → has a package comment
	source(t, func(path string, body []byte) {
		if !strings.HasSuffix(path, ".go") || strings.Contains(path, "testdata/") {
			return
		}
		if lines := bytes.Count(body, []byte("\n")); lines > longestFile {
			t.Errorf("%s has %d lines, more than %d: split it by what it is about", path, lines, longestFile)
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, body, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			return
		}
		folder := filepath.ToSlash(filepath.Dir(path))
		documented := file.Doc != nil && (strings.HasPrefix(file.Doc.Text(), "Package ") || strings.HasPrefix(file.Doc.Text(), "Command "))
		packages[folder] = packages[folder] || documented
		inspect(t, files, file, path)
	})
	for folder, documented := range packages {
		if !documented {
			t.Errorf("%s has no package comment: begin one file with // Package … (or // Command …) saying what it is for", folder)
		}
	}
}

// inspect checks what a file's syntax shows.
func inspect(t *testing.T, files *token.FileSet, file *ast.File, path string) {
	t.Helper()
	// A package that imports testing is part of the tests, whatever its file is called.
	test := strings.HasSuffix(path, "_test.go") || imports(file, "testing")
	fakeTime := imports(file, "testing/synctest")
	library := file.Name.Name != "main"
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Name.Name == "init" && n.Recv == nil {
				t.Errorf("%s: func init: wire things by hand in cmd, where a reader sees it", files.Position(n.Pos()))
			}
		case *ast.SelectorExpr:
			from, ok := n.X.(*ast.Ident)
			if !ok {
				return true
			}
			name := n.Sel.Name
			switch {
			case !test && from.Name == "os" && slices.Contains(environment, name) && !strings.HasPrefix(path, "cmd/"):
				t.Errorf("%s: os.%s: the environment is read in cmd only; take a Config", files.Position(n.Pos()), name)
			case test && !fakeTime && from.Name == "time" && name == "Sleep":
				t.Errorf("%s: time.Sleep in a test: wait on a signal, or use testing/synctest", files.Position(n.Pos()))
			case library && from.Name == "log" && (strings.HasPrefix(name, "Fatal") || strings.HasPrefix(name, "Panic")):
				t.Errorf("%s: log.%s in a library: return an error", files.Position(n.Pos()), name)
			}
		}
		return true
	})
}

func imports(file *ast.File, path string) bool {
	return slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"`+path+`"` })
}

// machinePath finds absolute paths of one developer's machine; registry finds addresses of package registries, which
// the ordinary clients know from their own settings. Spelled in pieces, so that this file passes.
var (
	machinePath = regexp.MustCompile(`(^|[^A-Za-z0-9_.])/(` + strings.Join([]string{"wor" + "k", "roo" + "t", "far" + "m"}, "|") + `)/`)
	registry    = regexp.MustCompile(strings.Join([]string{
		`://[^ "]*(` + "py" + `pi|npm` + `js|python` + `hosted|crates[.]` + `io|mav` + `en)`,
		`\b(` + "py" + `pi|test\.py` + `pi)\.org`, `files\.python` + `hosted`, `registry\.npm` + `js`, `proxy\.go` + `lang\.org`,
		`deb\.deb` + `ian\.org`, `static\.crates\.` + `io`,
	}, "|"))
)

func TestNoMachineNoRegistry(t *testing.T) {
	source(t, func(path string, body []byte) {
		if bytes.IndexByte(body[:min(len(body), 8000)], 0) >= 0 || filepath.Base(path) == "minilm-tokenizer.json" {
			return // binary, or a vocabulary
		}
		for i, line := range bytes.Split(body, []byte("\n")) {
			if machinePath.Match(line) {
				t.Errorf("%s:%d holds a path of one machine: %.120s", path, i+1, line)
			}
			if registry.Match(line) {
				t.Errorf("%s:%d names a registry's host (pip, go and apt have their own settings): %.120s", path, i+1, line)
			}
		}
	})
}

// Keeps the clone small: everything in the tree together.
func TestTreeIsSmall(t *testing.T) {
	var total int
	source(t, func(_ string, body []byte) { total += len(body) })
	if total > 40<<20 {
		t.Errorf("the tree holds %d MiB, more than 40: models and data are fetched, not kept", total>>20)
	}
}
