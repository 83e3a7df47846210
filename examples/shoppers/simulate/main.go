// Command simulate writes the rows of simulated shoppers over a catalogue, and what is known of them but hidden from the
// shop. The same flags give the same files.
//
//	go run ./examples/shoppers/simulate -out out/shoppers
//	weft import --data DIR --kind users out/shoppers/rows/users.jsonl
//
//	go run ./examples/shoppers/simulate -tables out/tables
//	weft train --tables out/tables --profiles out/tables/profiles.csv --out out/model
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"weft/examples/shoppers"
)

func main() {
	c := shoppers.Config{}
	flag.Uint64Var(&c.Seed, "seed", 1, "seed of everything that is drawn")
	flag.IntVar(&c.Shoppers, "shoppers", 400, "number of shoppers")
	flag.IntVar(&c.Days, "days", 60, "days of shopping, the last fifth of which is hidden")
	catalogue := flag.String("catalogue", "examples/catalogue", "folder of products, DIR/<id>/product.json")
	out := flag.String("out", "", "folder to write rows/ and hidden/ into; none: only report")
	tables := flag.String("tables", "", "folder to write interactions.csv, profiles.csv and items.csv into; none: no tables")
	ceiling := flag.Bool("ceiling", false, "also compute what could be known of the shoppers' attributes at best")
	flag.Parse()
	if err := run(c, *catalogue, *out, *tables, *ceiling, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "simulate:", err)
		os.Exit(1)
	}
}

func run(c shoppers.Config, catalogue, out, tables string, ceiling bool, w io.Writer) error {
	var err error
	if c.Products, err = shoppers.ReadCatalogue(catalogue); err != nil {
		return err
	}
	s, err := shoppers.Generate(c)
	if err != nil {
		return err
	}
	if out != "" {
		if err := s.Write(out); err != nil {
			return err
		}
	}
	if tables != "" {
		if err := s.WriteTables(tables); err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "simulated shoppers  %d (%d events and %d reviews before %s, %d events after it)\n",
		len(s.Users), len(s.Events), len(s.Reviews), s.Cut.Format("2006-01-02"), len(s.Future))
	for _, row := range []struct {
		name string
		list func(string) []string
	}{{"random", s.Random()}, {"popular", s.Popular()}, {"best possible", s.Best()}} {
		h := s.HitRate(10, row.list)
		fmt.Fprintf(w, "hit rate at 10      %.3f ± %.3f  %s (%d shoppers buy something new later)\n", h.Rate, h.Error, row.name, h.Users)
	}
	if ceiling {
		users := make([]string, len(s.Users))
		for i, u := range s.Users {
			users[i] = u.ID
		}
		c, err := shoppers.NewOracle(s).Ceiling(users)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "knowable at best    gender %.3f, age band %.3f (right guesses), interests %.3f (micro F1)\n", c.Gender, c.AgeBand, c.Interests)
	}
	return nil
}
