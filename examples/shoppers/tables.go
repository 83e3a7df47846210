package shoppers

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// WriteTables puts the part before the cut into tables for training without a catalogue, below dir:
//
//	interactions.csv  user,item,time,type   views, clicks, carts, wishes, shares and purchases
//	profiles.csv      user,consent,age,gender,city,interests   what the shop was told; interests are separated by ;
//	items.csv         item,category,colour,style,price
func (s *Simulation) WriteTables(dir string) error {
	var interactions [][]string
	for _, e := range s.Events {
		switch e.Type {
		case "view", "click", "cart", "wishlist", "share", "purchase":
			interactions = append(interactions, []string{e.User, e.Product, e.Time.Format(time.RFC3339), e.Type})
		}
	}
	var profiles [][]string
	for _, u := range s.Users {
		age := ""
		if u.Attributes.Age > 0 {
			age = strconv.Itoa(u.Attributes.Age)
		}
		profiles = append(profiles, []string{u.ID, strconv.FormatBool(u.Consent.Profiling), age, u.Attributes.Gender, u.Attributes.City, strings.Join(u.Attributes.Interests, ";")})
	}
	var items [][]string
	for _, p := range s.tastes.products {
		items = append(items, []string{p.ID, p.Category, p.Colour, p.Style, strconv.FormatFloat(p.Price, 'f', 2, 64)})
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("simulated tables: %w", err)
	}
	return firstError(
		writeCSV(filepath.Join(dir, "interactions.csv"), []string{"user", "item", "time", "type"}, interactions),
		writeCSV(filepath.Join(dir, "profiles.csv"), []string{"user", "consent", "age", "gender", "city", "interests"}, profiles),
		writeCSV(filepath.Join(dir, "items.csv"), []string{"item", "category", "colour", "style", "price"}, items),
	)
}

func writeCSV(path string, header []string, rows [][]string) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("simulated tables: %w", err)
	}
	w := csv.NewWriter(f)
	err = firstError(w.Write(header), w.WriteAll(rows)) // WriteAll flushes
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
