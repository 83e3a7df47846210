package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weft/fusion/dataset"
)

// shopTables writes interactions of users who like the even or the odd items, features that tell the two apart, and the
// vectors of a model that knows it.
func shopTables(t *testing.T) (dir, model string) {
	t.Helper()
	const users, items = 240, 40
	dir, model = t.TempDir(), t.TempDir()
	r := rand.New(rand.NewPCG(5, 5))
	var log, ids, userIDs strings.Builder
	log.WriteString("user,item,time\n")
	var features, itemVectors, userVectors []float32
	for u := range users {
		for _, k := range r.Perm(items / 2)[:7] {
			fmt.Fprintf(&log, "%d,%d,2024-03-%02d 12:%02d:00\n", u, 2*k+u%2, 1+r.IntN(30), r.IntN(60))
		}
		fmt.Fprintln(&userIDs, u)
		userVectors = append(userVectors, float32(1-u%2), float32(u%2))
	}
	for i := range items {
		fmt.Fprintln(&ids, i)
		features = append(features, 1, float32(i%2))
		itemVectors = append(itemVectors, float32(1-i%2), float32(i%2))
	}
	write := func(dir, name string, content []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	array := func(rows int, data []float32) []byte {
		var b bytes.Buffer
		b.Write(dataset.NPYHeader("<f4", rows, 2))
		_ = binary.Write(&b, binary.LittleEndian, data)
		return b.Bytes()
	}
	write(dir, "interactions.csv", []byte(log.String()))
	write(dir, "image.npy", array(items, features))
	write(model, "items.npy", array(items, itemVectors))
	write(model, "users.npy", array(users, userVectors))
	write(model, "items.ids.txt", []byte(ids.String()))
	write(model, "users.ids.txt", []byte(userIDs.String()))
	return dir, model
}

func TestEvaluateTables(t *testing.T) {
	dir, model := shopTables(t)
	page := filepath.Join(t.TempDir(), "report.html")
	args := []string{"evaluate", "--tables", dir, "--modality", "image=" + filepath.Join(dir, "image.npy"), "--model", "mine=" + model,
		"--lengths", "5,20", "--resamples", "200", "--report", page}
	var out, errOut bytes.Buffer
	if code := run(append(args, "--json"), strings.NewReader(""), &out, &errOut); code != exitDone {
		t.Fatalf("exit %d: %s", code, errOut.String())
	}
	var got struct {
		Protocol struct {
			Split, Opponent, Fitted string
			Data                    struct{ Train, Val, Test int }
		}
		Results []map[string]any
		Profile []any
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Protocol.Split != "time" || !strings.Contains(got.Protocol.Fitted, "val") || got.Protocol.Data.Train < 1330 || got.Profile == nil {
		t.Errorf("%+v", got.Protocol)
	}
	recall := map[string]float64{}
	for _, r := range got.Results {
		if r["slice"] != "all" {
			continue
		}
		name := r["model"].(string)
		recall[name] = r["recall@5"].(float64)
		interval := r["ci95"].(map[string]any)["ndcg@20"].([]any)
		if mean := r["ndcg@20"].(float64); interval[0].(float64) > mean || interval[1].(float64) < mean || r["users"].(float64) < 50 {
			t.Errorf("%s: ndcg@20 %v in %v of %v users", name, mean, interval, r["users"])
		}
		if name == "mine" {
			difference := r["difference"].(map[string]any)
			if difference["to"] == "mine" || difference["recall@20"].(map[string]any)["ci95"] == nil {
				t.Errorf("difference %v", difference)
			}
		}
	}
	for _, name := range []string{"random", "popular", "recent popular", "ItemKNN", "ALS", "EASE", "content image", "mine"} {
		if _, ok := recall[name]; !ok {
			t.Errorf("no result for %s in %v", name, recall)
		}
	}
	if recall["mine"] < 1.4*recall["popular"] || recall["content image"] < 1.4*recall["random"] {
		t.Errorf("what tells the halves apart must be far above what does not: %v", recall)
	}
	html, err := os.ReadFile(page)
	if err != nil || !bytes.Contains(html, []byte("recall@20, all")) || !bytes.Contains(html, []byte("mine")) {
		t.Errorf("report: %v, %d bytes", err, len(html))
	}
	var again, text bytes.Buffer
	if run(append(args, "--json"), nil, &again, &errOut); !bytes.Equal(out.Bytes(), again.Bytes()) {
		t.Error("a second run gives other figures")
	}
	if code := run(append(args, "--baselines", "popular,EASE"), nil, &text, &errOut); code != exitDone || !strings.Contains(text.String(), "EASE") || strings.Contains(text.String(), "ALS") {
		t.Errorf("exit %d:\n%s", code, text.String())
	}
}

func TestEvaluateSaysWhatIsWrong(t *testing.T) {
	dir, model := shopTables(t)
	other := t.TempDir()
	for name, content := range map[string]string{"items.npy": string(dataset.NPYHeader("<f4", 1, 1)) + "\x00\x00\x80\x3f", "items.ids.txt": "x\n", "users.npy": string(dataset.NPYHeader("<f4", 1, 1)) + "\x00\x00\x80\x3f", "users.ids.txt": "x\n"} {
		if err := os.WriteFile(filepath.Join(other, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args []string
		code int
		say  string
	}{
		{[]string{"--tables", dir, "--modality", "image"}, exitUsage, "NAME=FILE"},
		{[]string{"--tables", dir, "--modality", "image=" + dir + "/none.npy"}, exitUsage, "none.npy"},
		{[]string{"--tables", dir, "--split", "odd"}, exitUsage, "leave-last"},
		{[]string{"--tables", dir, "--split", "given"}, exitFailed, `"split"`},
		{[]string{"--tables", dir, "--user-column", "customer"}, exitFailed, `"customer"`},
		{[]string{"--tables", dir, "--time-zone", "Nowhere"}, exitUsage, "Nowhere"},
		{[]string{"--tables", dir, "--baselines", "magic"}, exitUsage, "ItemKNN"},
		{[]string{"--tables", dir, "--lengths", "0"}, exitUsage, "--lengths"},
		{[]string{"--tables", dir, "--resamples", "-1"}, exitUsage, "--resamples"},
		{[]string{"--tables", dir, "--photos", dir}, exitUsage, "give one"},
		{[]string{"--model", model}, exitUsage, "--tables"},
		{[]string{"--tables", dir, "--model", dir}, exitFailed, "items.npy"},
		{[]string{"--tables", dir, "--model", other}, exitFailed, "other tables"},
	} {
		var out, errOut bytes.Buffer
		if code := run(append([]string{"evaluate"}, c.args...), nil, &out, &errOut); code != c.code || !strings.Contains(errOut.String(), c.say) {
			t.Errorf("%v: exit %d, want %d with %q: %s", c.args, code, c.code, c.say, errOut.String())
		}
	}
}
