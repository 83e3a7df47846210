package profile

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/dustin/go-humanize"
)

// screenTags is how many interests and categories one screen holds.
const screenTags = 6

// WriteText shows the profile to a person, on one screen of 100 columns: at most
// 28 lines whatever the user did.
func (p Profile) WriteText(w io.Writer) error {
	var b bytes.Buffer
	switch {
	case p.Profiling == "no" || p.Profiling == "default" && p.Activity.Types == nil:
		fmt.Fprintf(&b, "%s has not agreed to profiling: there is no profile.\n", printable(p.User, 60))
	case p.Bot:
		fmt.Fprintf(&b, "%s is a program: %s events. There is no profile.\n", printable(p.User, 60), humanize.Comma(int64(p.Cleaning.Bot)))
	default:
		p.text(&b)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (p Profile) text(b *bytes.Buffer) {
	a, v := p.Activity, p.Value
	consent := "agreed to profiling"
	if p.Profiling == "default" {
		consent = "said nothing of profiling: the shop's default allows it"
	}
	fmt.Fprintf(b, "%s · %s\n", printable(p.User, 40), consent)
	if a.Last == nil {
		fmt.Fprintf(b, "activity    none yet\n")
	} else {
		fmt.Fprintf(b, "activity    %s on %s, %s to %s, %s, %s unknown\n", count(a.Events, "event"), count(a.Days, "day"),
			a.First.Format(time.DateOnly), a.Last.Format(time.DateOnly), count(a.Products, "product"), humanize.Comma(int64(a.Unknown)))
		fmt.Fprintf(b, "            %s\n", kinds(a.Types))
		fmt.Fprintf(b, "            hours 0 to 23 (%s) %s   Sunday to Saturday %s\n", printable(a.Zone, 20), bars(a.Hours[:]), bars(a.Weekdays[:]))
		fmt.Fprintf(b, "value       last seen %s ago (%d of 3) · %s (%d of 3) · %s paid", count(int(*v.RecencyDays), "day"), v.RecencyGrade,
			count(v.Baskets, "basket"), v.FrequencyGrade, amount(v.Money))
		if v.MoneyGrade != nil {
			fmt.Fprintf(b, " (%d of 3)", *v.MoneyGrade)
		}
		b.WriteByte('\n')
	}
	if r := p.Price; r != nil {
		of := map[string]string{"purchase": "bought", "intent": "wanted", "view": "seen"}[r.Of]
		fmt.Fprintf(b, "prices      %s to %s, median %s, of %s %s", amount(r.Low), amount(r.High), amount(r.Median), count(r.Products, "product"), of)
		if r.Rank != nil {
			fmt.Fprintf(b, ": %s, dearer than %.0f %% of the catalogue", r.Band, 100**r.Rank)
		}
		b.WriteByte('\n')
	}
	if p.Reviews.Written > 0 {
		fmt.Fprintf(b, "reviews     %d written", p.Reviews.Written)
		if m := p.Reviews.MeanRating; m != nil {
			fmt.Fprintf(b, ", %.1f of 5 in the mean of %d", *m, p.Reviews.Rated)
		}
		b.WriteByte('\n')
	}
	if len(p.Attributes) > 0 {
		var told []string
		for _, at := range p.Attributes {
			s := printable(at.Name, 20) + " " + printable(at.Value, 40)
			if at.Imputed {
				s += " (assumed)"
			}
			told = append(told, s)
		}
		fmt.Fprintf(b, "told        %s\n", printable(strings.Join(told, " · "), 88))
	}
	p.tags(b)
	if c := p.Cleaning; c.Rate+c.Deleted+c.Numbers > 0 {
		fmt.Fprintf(b, "left out    %d too fast for a hand, %d deleted; %d values were no number\n", c.Rate, c.Deleted, c.Numbers)
	}
}

// tags are two tables with what is behind each line.
func (p Profile) tags(b *bytes.Buffer) {
	w := tabwriter.NewWriter(b, 0, 4, 2, ' ', 0)
	line := func(name string, weight float64, ev Evidence, stated bool) {
		because := printable(wholeNames(ev.Products, 34), 40)
		if ev.Rows > 0 {
			because += fmt.Sprintf(" (%s)", count(ev.Rows, "event"))
		}
		if stated {
			because = strings.TrimSuffix("told us · "+strings.TrimSpace(because), " · ")
		}
		because = strings.TrimSpace(because)
		fmt.Fprintf(w, "  %s\t%3.0f %%\t%s\t%s\n", printable(name, 24), 100*weight, strings.Repeat("█", int(10*weight+0.5)), because)
	}
	if len(p.Interests) > 0 {
		fmt.Fprintf(w, "interests\tof top\t\tbecause of\n")
		for _, t := range p.Interests[:min(len(p.Interests), screenTags)] {
			line(t.Tag, t.Weight, t.Evidence, t.Stated)
		}
	}
	if len(p.Categories) > 0 {
		fmt.Fprintf(w, "categories\tshare\t\tbecause of\n")
		for _, c := range p.Categories[:min(len(p.Categories), screenTags)] {
			line(c.Name, c.Weight, c.Evidence, false)
		}
	}
	_ = w.Flush() // into memory
}

// wholeNames joins as many names as fit into most characters, but at least one.
func wholeNames(names []string, most int) string {
	out := ""
	for i, n := range names {
		switch {
		case i == 0:
			out = n
		case len(out)+2+len(n) > most:
			return out + " …"
		default:
			out += ", " + n
		}
	}
	return out
}

// kinds lists event types, most frequent first.
func kinds(types map[string]int) string {
	names := slices.SortedFunc(maps.Keys(types), func(a, b string) int {
		if types[a] != types[b] {
			return types[b] - types[a]
		}
		return strings.Compare(a, b)
	})
	var out []string
	for _, n := range names {
		out = append(out, fmt.Sprintf("%s %s", printable(n, 20), humanize.Comma(int64(types[n]))))
	}
	return printable(strings.Join(out, " · "), 88)
}

// bars draws counts as one character each, the highest full.
func bars(counts []int) string {
	top := max(1, slices.Max(counts))
	var out []rune
	for _, n := range counts {
		level := 0
		if n > 0 {
			level = 1 + 7*n/top
		}
		out = append(out, []rune("·▁▂▃▄▅▆▇█")[level])
	}
	return string(out)
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return humanize.Comma(int64(n)) + " " + what
}

// amount writes money with two decimals, and digits grouped by commas.
func amount(v float64) string {
	whole, cents, _ := strings.Cut(fmt.Sprintf("%.2f", v), ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return sign + whole + "." + cents
}

// printable keeps a shop's text from moving the cursor or filling the screen.
func printable(s string, most int) string {
	r := []rune(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s))
	if len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return string(r)
}
