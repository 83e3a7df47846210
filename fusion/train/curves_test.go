package train

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// readCurves is a small reader of TFRecords with scalar events, written against the format and not against the writer.
func readCurves(t *testing.T, data []byte) (version string, points map[string]map[int64]float32) {
	t.Helper()
	points = map[string]map[int64]float32{}
	for len(data) > 0 {
		if len(data) < 16 {
			t.Fatalf("%d bytes are left over", len(data))
		}
		length := binary.LittleEndian.Uint64(data)
		if binary.LittleEndian.Uint32(data[8:]) != masked(data[:8]) {
			t.Fatal("checksum of a length")
		}
		event := data[12 : 12+length]
		if binary.LittleEndian.Uint32(data[12+length:]) != masked(event) {
			t.Fatal("checksum of an event")
		}
		data = data[16+length:]
		fields := parse(t, event)
		if text, ok := fields[3]; ok {
			version = string(text)
		}
		if summary, ok := fields[5]; ok {
			value := parse(t, parse(t, summary)[1])
			tag := string(value[1])
			if points[tag] == nil {
				points[tag] = map[int64]float32{}
			}
			step, _ := protowire.ConsumeVarint(fields[2])
			points[tag][int64(step)] = math.Float32frombits(binary.LittleEndian.Uint32(value[2]))
		}
		if wall := math.Float64frombits(binary.LittleEndian.Uint64(fields[1])); wall != 1700000000.5 {
			t.Errorf("wall time %f", wall)
		}
	}
	return version, points
}

func parse(t *testing.T, b []byte) map[protowire.Number][]byte {
	t.Helper()
	fields := map[protowire.Number][]byte{}
	for len(b) > 0 {
		field, wire, n := protowire.ConsumeTag(b)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(field, wire, b); n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		fields[field] = b[:n]
		if wire == protowire.BytesType {
			fields[field], _ = protowire.ConsumeBytes(b)
		}
		b = b[n:]
	}
	return fields
}

func TestCurves(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "curves")
	now := time.UnixMilli(1700000000500)
	c, err := newCurves(dir, now)
	if err != nil {
		t.Fatal(err)
	}
	c.add(now, "loss", 1, 7.5)
	c.add(now, "loss", 300, 6.25)
	c.add(now, "recall", 300, .125)
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "events.out.tfevents.*"))
	if len(files) != 1 {
		t.Fatalf("files %v", files)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	version, points := readCurves(t, data)
	if version != "brain.Event:2" {
		t.Errorf("version %q", version)
	}
	if points["loss"][1] != 7.5 || points["loss"][300] != 6.25 || points["recall"][300] != .125 {
		t.Errorf("points %v", points)
	}
}

// The checksum of a TFRecord, from the check value of CRC-32C.
func TestMaskedChecksum(t *testing.T) {
	sum := uint32(0xe3069283)
	want := (sum>>15 | sum<<17) + 0xa282ead8
	if got := masked([]byte("123456789")); got != want {
		t.Errorf("masked checksum %08x, want %08x", got, want)
	}
}

// TensorBoard's own reader finds every number where it was put.
func TestCurvesInTensorBoard(t *testing.T) {
	dir := t.TempDir()
	c, err := newCurves(dir, time.Unix(1700000000, 5e8))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][][2]float64{"tower/loss": nil, "refit/loss": nil}
	for step := 1; step <= 300; step += 7 {
		for tag := range want {
			x := float64(float32(1 / float64(step+len(want[tag]))))
			c.add(time.Unix(1700000000, 5e8), tag, step, x)
			want[tag] = append(want[tag], [2]float64{float64(step), x})
		}
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	const read = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0}).Reload()
print(json.dumps({tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}))`
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(cache, "weft", "test-venv", "bin", "python"), "-c", read, dir)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s (run `make test-needs`)", err, problems.String())
	}
	var got map[string][][2]float64
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("TensorBoard reads %v, want %v", got, want)
	}
}
