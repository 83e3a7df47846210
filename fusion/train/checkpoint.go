package train

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"weft/fusion/dataset"
)

// A checkpoint is a file: magic, the length of a JSON header, the header, and then the numbers of all parameters as they lie
// in memory (little-endian float32), in the header's order; last the SHA-256 of everything before.
var checkpointMagic = []byte("weft fit 1\n")

type checkpointHeader struct {
	// Inputs digests the configuration and the data: a training goes on only over the same.
	Inputs     string            `json:"inputs"`
	State      state             `json:"state"`
	Parameters []parameterHeader `json:"parameters"`
}

type parameterHeader struct {
	Name   string `json:"name"`
	Length int    `json:"length"`
}

// tensors are what a checkpoint holds of one parameter, in order.
func (f *fit) tensors(p *parameter) [][]float32 {
	return [][]float32{p.Data, p.Mean, p.Square, p.Average, p.best}
}

// save writes a checkpoint in place of the one that is there, so that a crash leaves one of the two. What an earlier save
// left that was killed half way is removed: it is as large as a checkpoint, and nobody else looks for it.
func (f *fit) save(path string) error {
	header := checkpointHeader{Inputs: f.inputs, State: f.state}
	for _, p := range f.parameters {
		header.Parameters = append(header.Parameters, parameterHeader{p.Name, len(p.Data)})
	}
	text, err := json.Marshal(header)
	if err != nil {
		return err
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"[0-9]*")) // as NewPendingFile names them
	for _, half := range left {
		_ = os.Remove(half)
	}
	file, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)))
	if err != nil {
		return err
	}
	defer func() { _ = file.Cleanup() }()
	sum := sha256.New()
	w := bufio.NewWriterSize(io.MultiWriter(file, sum), 1<<20)
	_, _ = w.Write(checkpointMagic) // a bufio.Writer keeps its first error until Flush
	_ = binary.Write(w, binary.LittleEndian, uint64(len(text)))
	_, _ = w.Write(text)
	for _, p := range f.parameters {
		for _, t := range f.tensors(p) {
			writeFloats(w, t)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if _, err := file.Write(sum.Sum(nil)); err != nil {
		return err
	}
	return file.CloseAtomicallyReplace()
}

// load goes on from a checkpoint. fs.ErrNotExist says that there is none.
func (f *fit) load(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	bad := func(why string) error {
		return fmt.Errorf("%w: %s %s: go on with what it was begun with, or remove it to begin anew", ErrCheckpoint, path, why)
	}
	body, ok := bytes.CutPrefix(data[:max(0, len(data)-sha256.Size)], checkpointMagic)
	if !ok || len(body) < 8 {
		return bad("is not a checkpoint")
	}
	if sum := sha256.Sum256(data[:len(data)-sha256.Size]); !bytes.Equal(sum[:], data[len(data)-sha256.Size:]) {
		return bad("is damaged")
	}
	length := binary.LittleEndian.Uint64(body)
	if body = body[8:]; length > uint64(len(body)) {
		return bad("is damaged")
	}
	var header checkpointHeader
	if err := json.Unmarshal(body[:length], &header); err != nil {
		return bad("is damaged")
	}
	if header.Inputs != f.inputs {
		return bad("was made with another configuration or other data")
	}
	if n := header.State.Epoch; n > f.config.Epochs {
		return bad(fmt.Sprintf("has gone on for %d epochs, of %d at most", n, f.config.Epochs))
	}
	body = body[length:]
	if len(header.Parameters) != len(f.parameters) {
		return bad("holds other parameters")
	}
	for i, p := range f.parameters {
		if h := header.Parameters[i]; h.Name != p.Name || h.Length != len(p.Data) {
			return bad("holds other parameters")
		}
		for _, t := range f.tensors(p) {
			if len(body) < 4*len(t) {
				return bad("is damaged")
			}
			for j := range t {
				t[j] = math.Float32frombits(binary.LittleEndian.Uint32(body[4*j:]))
			}
			body = body[4*len(t):]
		}
	}
	f.state = header.State
	return nil
}

func writeFloats(w io.Writer, x []float32) {
	var buffer [4096]byte
	for len(x) > 0 {
		n := min(len(x), len(buffer)/4)
		for i, v := range x[:n] {
			binary.LittleEndian.PutUint32(buffer[4*i:], math.Float32bits(v))
		}
		_, _ = w.Write(buffer[:4*n]) // to a hash, or a bufio.Writer that keeps its error
		x = x[n:]
	}
}

// digest names a configuration and its data.
func digest(c Config, rows []dataset.Interaction, users, items int, features []prepared) string {
	c.Epochs, c.Patience, c.Threads = 0, 0, 0 // how long, and on how many cores, changes no step
	sum := sha256.New()
	fmt.Fprintf(sum, "%+v %d %d\n", c, users, items)
	var row [41]byte
	for _, r := range rows {
		binary.LittleEndian.PutUint32(row[0:], uint32(r.User))
		binary.LittleEndian.PutUint32(row[4:], uint32(r.Item))
		binary.LittleEndian.PutUint64(row[8:], uint64(r.Time))
		binary.LittleEndian.PutUint64(row[16:], uint64(r.Last))
		binary.LittleEndian.PutUint32(row[24:], math.Float32bits(r.Weight))
		binary.LittleEndian.PutUint64(row[28:], uint64(r.Wait))
		binary.LittleEndian.PutUint32(row[36:], math.Float32bits(r.Look))
		row[40] = 0
		if r.Seen {
			row[40] = 1
		}
		_, _ = sum.Write(row[:]) // a hash never fails
	}
	for _, p := range features {
		digestFeatures(sum, p)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func digestFeatures(sum hash.Hash, p prepared) {
	fmt.Fprintf(sum, "%s %d %v\n", p.Name, p.Width, p.on)
	writeFloats(sum, p.rows)
}
