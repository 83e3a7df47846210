package main

import (
	"encoding/json"
	"fmt"
	"os"

	"weft/serve"
	"weft/tasks"
)

type tokenCmd struct {
	Tenant string   `help:"Tenant that the token is good for; * for every one." default:"default"`
	Role   []string `arg:"" help:"What it may be used for: read, catalogue, events or admin."`
	Name   string   `help:"Whom it is given to, for the log." placeholder:"NAME"`
	File   string   `help:"Add the token to this file, for --tokens of 'weft up' and 'weft serve'." type:"path" placeholder:"FILE" required:""`
}

// Help is shown by --help.
func (tokenCmd) Help() string {
	return `Prints a new secret, once, and adds its SHA-256 to FILE: one JSON object on each line, with tenant, roles, sha256 and name.
Removing the line takes the token back; a running server reads the file again within seconds.
  read       GET: products, users, lists, search, status, the stream of updates
  catalogue  PUT and DELETE of listings and photos; notifications of the bucket
  events     POST of events, reviews and users
  admin      everything, dead letters and the backlog too

Examples:
  weft token read --name recommender --file tokens.jsonl
  weft token catalogue events --tenant shop --name importer --file tokens.jsonl
  weft up --data shop --listen 0.0.0.0:8080 --tokens tokens.jsonl`
}

// Run is `weft token`.
func (c *tokenCmd) Run(a *app) error {
	granted := make([]serve.Role, len(c.Role))
	for i, r := range c.Role {
		granted[i] = serve.Role(r)
	}
	secret := serve.NewSecret()
	t, err := serve.NewToken(tasks.Tenant(c.Tenant), secret, granted...)
	if err != nil {
		return usageError{err}
	}
	t.Name = c.Name
	line, err := json.Marshal(t)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(c.File, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return usageError{fmt.Errorf("--file: %w", err)}
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		_ = f.Close()
		return fmt.Errorf("--file %s: %w", c.File, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("--file %s: %w", c.File, err)
	}
	_, err = fmt.Fprintln(a.out, secret)
	return err
}
