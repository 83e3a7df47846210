package main

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"weft/serve"
)

// access says who may ask a server for what.
type access struct {
	Token      []string `help:"Bearer tokens that may do everything; needed, as --tokens, to listen beyond this machine." placeholder:"TOKEN" group:"Access"`
	Tokens     string   `help:"File of further tokens, each with its tenant and roles, as 'weft token' writes it; read again when it changes." type:"path" placeholder:"FILE" group:"Access"`
	CORSOrigin []string `help:"Web origins whose pages may read the answers, such as https://shop.example; * for all." placeholder:"ORIGIN" group:"Access" name:"cors-origin"`
}

// tokens reads all that are accepted.
func (c access) tokens() ([]serve.Token, error) {
	var all []serve.Token
	for _, secret := range c.Token {
		t, err := serve.NewToken(serve.AllTenants, secret, serve.Admin)
		if err != nil {
			return nil, usageError{fmt.Errorf("--token: %w", err)}
		}
		t.Name = "--token"
		all = append(all, t)
	}
	if c.Tokens == "" {
		return all, nil
	}
	text, err := os.ReadFile(c.Tokens)
	if err != nil {
		return nil, usageError{fmt.Errorf("--tokens: %w; 'weft token' makes one", err)}
	}
	listed, err := serve.ReadTokens(bytes.NewReader(text))
	if err != nil {
		return nil, usageError{fmt.Errorf("--tokens %s: %w", c.Tokens, err)}
	}
	return append(all, listed...), nil
}

// localToken adds the token by which commands on this machine ask this process: whoever may read
// the data directory may read and write all that it serves. "" where no tokens are asked for.
func localToken(all []serve.Token) ([]serve.Token, string, error) {
	if len(all) == 0 {
		return nil, "", nil
	}
	secret := serve.NewSecret()
	t, err := serve.NewToken(serve.AllTenants, secret, serve.Admin)
	t.Name = "local"
	return append(all, t), secret, err
}

// tokensEvery is how often the file of tokens is looked at.
const tokensEvery = 2 * time.Second

// followTokens hands the tokens of the file on whenever it changes, until the server ends. A file that
// cannot be read leaves the tokens as they are: half a file must not lock everybody out.
func (n *node) followTokens(c access, extra []serve.Token) {
	server := n.http
	state := func() string {
		info, err := os.Stat(c.Tokens)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(info.Size(), info.ModTime())
	}
	tick := time.NewTicker(tokensEvery)
	defer tick.Stop()
	for seen := state(); ; {
		select {
		case <-server.Done():
			return
		case <-tick.C:
		}
		now := state()
		if now == seen {
			continue
		}
		seen = now
		all, err := c.tokens()
		if err == nil {
			err = server.SetTokens(append(all, extra...))
		}
		if err != nil {
			n.log.Error("the changed tokens cannot be used; those from before hold on", "error", err)
			continue
		}
		n.log.Info("tokens were read again", "tokens", len(all))
	}
}
