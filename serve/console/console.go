// Package console is the web pages for the people beside the recommender: the catalogue
// team, the service desk and whoever runs the fleet. The pages are plain HTML with a
// little JavaScript, embedded in the program; all they show comes from the public API,
// with the token that the visitor has signed in with. Nothing is fetched from elsewhere.
package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed pages static
var files embed.FS

// Root is where the pages lie.
const Root = "/console/"

// policy lets a page run the console's own scripts and styles and talk to its own
// server, and nothing else: no inline script, no other site, no frame around it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// reportPolicy is that of the page which shows a report: it frames one that it has
// fetched, whose own styles are inline; the frame is sandboxed and runs no script.
const reportPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; connect-src 'self'; " +
	"frame-src blob:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Config says whom the pages are for.
type Config struct {
	// Tenants may be chosen from; empty where a token tells which one a visitor is of.
	Tenants []string
	Version string
}

// Page is what a template draws. No data of the shop is in it.
type Page struct {
	Tenant  string // "" before one is chosen
	Name    string // of the page, as its template and script are called
	Title   string
	ID      string // of the product, shopper or report
	Pages   []link // of the navigation
	Tenants []string
	Version string
	Static  string // where scripts and styles lie: the folder names their content
}

type link struct{ Name, Path, Title string }

// navigation lists the pages that the menu leads to.
func navigation() []link {
	return []link{
		{"overview", "", "Overview"}, {"catalogue", "catalogue", "Catalogue"}, {"search", "search", "Search"}, {"shopper", "shoppers", "Shoppers"},
		{"deadletters", "deadletters", "Dead letters"}, {"reports", "reports", "Reports"}, {"models", "models", "Models"},
	}
}

// Console serves the pages below Root.
type Console struct {
	cfg    Config
	pages  map[string]*template.Template
	static map[string][]byte
	folder string // of the static files, by their content
	mux    *http.ServeMux
}

// New reads the templates.
func New(cfg Config) (*Console, error) {
	c := &Console{cfg: cfg, pages: map[string]*template.Template{}, static: map[string][]byte{}, mux: http.NewServeMux()}
	for _, name := range []string{"choose", "overview", "catalogue", "product", "search", "shopper", "deadletters", "reports", "report", "models"} {
		t, err := template.New("layout.html").ParseFS(files, "pages/layout.html", "pages/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("console: page %s: %w", name, err)
		}
		c.pages[name] = t
	}
	sum := sha256.New()
	err := fs.WalkDir(files, "static", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := files.ReadFile(p)
		_, _ = fmt.Fprintf(sum, "%s %d\n%s", p, len(body), body)
		c.static[strings.TrimPrefix(p, "static/")] = body
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	c.folder = Root + "-/static/" + hex.EncodeToString(sum.Sum(nil)[:6]) + "/"
	c.routes()
	return c, nil
}

func (c *Console) routes() {
	c.mux.HandleFunc("GET "+Root+"-/static/{version}/{file}", c.file)
	c.mux.HandleFunc("GET "+Root+"{$}", c.choose)
	c.mux.HandleFunc("GET "+Root+"{tenant}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, Root+r.PathValue("tenant")+"/", http.StatusMovedPermanently)
	})
	page := func(pattern, name, title string) {
		c.mux.HandleFunc("GET "+Root+"{tenant}/"+pattern, func(w http.ResponseWriter, r *http.Request) {
			c.draw(w, Page{Tenant: r.PathValue("tenant"), Name: name, Title: title, ID: r.PathValue("id")})
		})
	}
	page("{$}", "overview", "Overview")
	page("catalogue", "catalogue", "Catalogue")
	page("products/{id}", "product", "Product")
	page("search", "search", "Search")
	page("shoppers", "shopper", "Shoppers")
	page("shoppers/{id}", "shopper", "Shopper")
	page("deadletters", "deadletters", "Dead letters")
	page("reports", "reports", "Reports")
	page("reports/{id}", "report", "Report")
	page("models", "models", "Generations and models")
}

// ServeHTTP answers below Root. What it does not know is left to NotFound of net/http.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.mux.ServeHTTP(w, r) }

// choose leads to the only shop, or asks which one.
func (c *Console) choose(w http.ResponseWriter, r *http.Request) {
	if len(c.cfg.Tenants) == 1 {
		http.Redirect(w, r, Root+c.cfg.Tenants[0]+"/", http.StatusSeeOther)
		return
	}
	c.draw(w, Page{Name: "choose", Title: "Choose a shop", Tenants: c.cfg.Tenants})
}

// draw answers with a page. It is the same for everybody: who may see what is up to the
// API that it asks.
func (c *Console) draw(w http.ResponseWriter, p Page) {
	p.Pages, p.Version, p.Static = navigation(), c.cfg.Version, c.folder
	var b bytes.Buffer
	if err := c.pages[p.Name].Execute(&b, p); err != nil {
		http.Error(w, "the page cannot be drawn", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Security-Policy", policy)
	if p.Name == "report" {
		h.Set("Content-Security-Policy", reportPolicy)
	}
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	_, _ = w.Write(b.Bytes())
}

// file answers with a script or style, for ever: another content lies in another folder.
func (c *Console) file(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	body, ok := c.static[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	h.Set("Cache-Control", "no-cache")
	if strings.HasPrefix(r.URL.Path, c.folder) {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	_, _ = w.Write(body)
}
