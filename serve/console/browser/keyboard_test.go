package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"weft/processtest"
)

// tabTo presses Tab until an element has the focus, and checks that the focus is seen.
func (s *shop) tabTo(t *testing.T, selector string) {
	t.Helper()
	for range 80 {
		s.run(t, "Tab", chromedp.KeyEvent(kb.Tab))
		if eval[bool](s, fmt.Sprintf("document.activeElement.matches(%q)", selector)) {
			if outline := eval[string](s, "getComputedStyle(document.activeElement).outlineStyle"); outline == "none" {
				t.Errorf("the focus on %s is not seen", selector)
			}
			return
		}
	}
	t.Fatalf("Tab never comes to %s; it stands on %s", selector, eval[string](s, "document.activeElement.outerHTML.slice(0, 200)"))
}

// The way from the overview to a listing that is saved, without a mouse.
func (s *shop) byKeyboard(t *testing.T) {
	s.visit(t, "")
	s.shows(t, "#pulse", "Live")
	s.tabTo(t, "a.skip")
	s.run(t, "skipping the menu", chromedp.KeyEvent(kb.Enter))
	if !eval[bool](s, `document.activeElement.id === "main"`) {
		t.Error("the skip link does not lead to the content")
	}
	s.visit(t, "")
	s.shows(t, "#pulse", "Live")
	s.tabTo(t, `nav a[href$="/catalogue"]`)
	s.run(t, "to the catalogue", chromedp.KeyEvent(kb.Enter))
	s.shows(t, "#grid", "Theirs")
	s.tabTo(t, "#files")
	s.tabTo(t, "#match")
	s.run(t, "filtering", chromedp.KeyEvent("evening"))
	s.shows(t, "#count", "1 product")
	s.tabTo(t, `[data-product="evening-dress"] a`)
	s.run(t, "to the product", chromedp.KeyEvent(kb.Enter))
	s.shows(t, "#state", "Vector ready")
	s.tabTo(t, "#brand")
	s.run(t, "typing", chromedp.KeyEvent("Marenholm"), chromedp.KeyEvent(kb.Enter))
	s.shows(t, "#saved", "Saved.")
	s.tabTo(t, "#delete")
	s.run(t, "asking to delete", chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible("#sure"), chromedp.KeyEvent(kb.Escape))
	if !eval[bool](s, `document.activeElement.id === "delete"`) {
		t.Error("the focus does not come back from the dialog")
	}
	s.calm(t)
}

// With tokens the console asks for one, says when it is not accepted, and keeps it out of
// every address.
func TestSignIn(t *testing.T) {
	const token = "weft-console-test-token"
	s := open(t, []string{"--token", token}, "hat-*")
	s.visit(t, "catalogue")
	s.run(t, "a wrong token", chromedp.WaitVisible("#sign-in"), chromedp.SendKeys("#token", "not-the-token-at-all"), chromedp.KeyEvent(kb.Enter))
	s.shows(t, "#sign-in-why", "not accepted")
	s.run(t, "the right one", chromedp.SendKeys("#token", token), chromedp.KeyEvent(kb.Enter))
	processtest.Until(t, "the products are shown as pictures", func() bool { return s.pictures("#grid") > 0 })
	if asked := eval[string](s, `performance.getEntriesByType("resource").map((e) => e.name).join("\n") + document.cookie`); strings.Contains(asked, token) {
		t.Errorf("the token is in an address or a cookie:\n%s", asked)
	}
	s.run(t, "signing out", chromedp.Click("#sign-out"), chromedp.WaitVisible("#sign-in"))
	s.calm(t)
}
