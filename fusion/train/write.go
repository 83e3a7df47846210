package train

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"weft/fusion/dataset"
	"weft/fusion/towers"
)

// Manifest is what package towers reads.
type Manifest = towers.Manifest

// write puts the result into Out: first everything else, then manifest.json. Each file is replaced as a whole.
//
//	product.onnx, user.onnx   the towers (see productModel and userModel for their inputs)
//	items.npy, users.npy      served vectors, × 256, with items.ids.txt and users.ids.txt: user · product is the score
//	identity.npy, bias.npy, residual.npy, sources.npy   per item, what the towers read
//	counts.npy                how many users had each item; those of none are placed by their features alone
//	validation.json           whom the choices were made on, without names
//	metrics.json, model-card.md, report.html
func (t *training) write(ctx context.Context, m *served) error {
	t.Watch.stage("writing %s", t.Out)
	product, err := m.productModel(t.features, t.content)
	if err != nil {
		return err
	}
	user, err := m.userModel()
	if err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	d := m.tower.dim - 1
	manifest := Manifest{Format: 1, Created: time.Now().UTC().Truncate(time.Second), Dim: Dim, Scale: m.scale, Tower: d, Rank: m.rank, Sources: m.sources.Cols,
		Blocks: t.summary.Choice.Members, Files: map[string]string{}}
	for _, p := range t.features {
		manifest.Modalities = append(manifest.Modalities, towers.ModalityInput{Name: p.Name, Dim: p.Dim})
	}
	manifest.FittedOn = t.summary.FittedOn
	manifest.Now, manifest.Strength = m.now, t.Config.Strength
	manifest.ColdBias, manifest.ColdResidual = m.tower.coldBias, m.coldResidual()
	metrics, err := json.MarshalIndent(t.summary, "", "  ")
	if err != nil {
		return err
	}
	put := func(name string, fill func(io.Writer)) {
		if err != nil {
			return
		}
		manifest.Files[name], err = writeFile(filepath.Join(t.Out, name), fill)
	}
	bytes := func(b []byte) func(io.Writer) { return func(w io.Writer) { _, _ = w.Write(b) } }
	put("product.onnx", bytes(product))
	put("user.onnx", bytes(user))
	put("items.npy", array(m.items.Rows, Dim, m.items.Data))
	put("users.npy", array(m.users.Rows, Dim, m.users.Data))
	put("items.ids.txt", lines(t.Data.Items))
	put("users.ids.txt", lines(t.Data.Users))
	put("identity.npy", array(m.items.Rows, d, m.tower.identity))
	put("bias.npy", array(m.items.Rows, 1, m.tower.b))
	counts := make([]float32, len(m.counts))
	for i, n := range m.counts {
		counts[i] = float32(n)
	}
	put("counts.npy", array(m.items.Rows, 1, counts))
	put("residual.npy", array(m.items.Rows, m.rank, m.residual.Data))
	put("sources.npy", array(m.items.Rows, m.sources.Cols, m.sources.Data))
	validation, err2 := json.Marshal(t.validation())
	if err = errors.Join(err, err2); err != nil {
		return err
	}
	put(towers.ValidationFile, bytes(validation))
	put("metrics.json", bytes(append(metrics, '\n')))
	put("model-card.md", bytes([]byte(t.card(m))))
	var page strings.Builder
	err = errors.Join(err, t.writeReport(&page))
	put("report.html", bytes([]byte(page.String())))
	if err == nil && t.Beside != nil {
		var more map[string][]byte
		if more, err = t.Beside(ctx); err == nil {
			for name, content := range more {
				put(name, bytes(content))
			}
		}
	}
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(manifest, "", "  ")
	if err != nil {
		return err
	}
	if _, err = writeFile(filepath.Join(t.Out, towers.ManifestFile), bytes(append(text, '\n'))); err != nil {
		return err
	}
	return t.dropCheckpoints()
}

// validation is whom the choices were made on.
func (t *training) validation() towers.Validation {
	v := towers.Validation{Recall: t.summary.Composed.Recall, NDCG: t.summary.Composed.NDCG}
	histories := dataset.ByUser(t.Data.Train, len(t.Data.Users))
	for i, user := range t.judge.users {
		a := towers.Asked{Truth: t.judge.truth[i]}
		for _, r := range histories[user] {
			a.Seen = append(a.Seen, towers.Seen{Item: r.Item, Last: r.Last, Weight: r.Weight, Looked: r.Seen})
		}
		v.Asked = append(v.Asked, a)
	}
	return v
}

// writeFile replaces a file as a whole and returns its SHA-256. fill need not look at errors of its writer.
func writeFile(path string, fill func(io.Writer)) (digest string, _ error) {
	file, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(0o644))
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Cleanup() }()
	sum := sha256.New()
	w := bufio.NewWriterSize(io.MultiWriter(file, sum), 1<<20)
	fill(w)
	if err := w.Flush(); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), file.CloseAtomicallyReplace()
}

func lines(names []string) func(io.Writer) {
	return func(w io.Writer) {
		for _, n := range names {
			_, _ = io.WriteString(w, n+"\n")
		}
	}
}

// array writes a matrix of float32 as .npy.
func array(rows, cols int, data []float32) func(io.Writer) {
	return func(w io.Writer) {
		_, _ = w.Write(dataset.NPYHeader("<f4", rows, cols))
		writeFloats(w, data)
	}
}
