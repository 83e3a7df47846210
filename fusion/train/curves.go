package train

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// curves writes training curves as TensorBoard reads them: one file of TFRecords, each an Event message with one number.
type curves struct {
	file *os.File
	err  error // the first; later writes do nothing
}

// Field numbers of TensorFlow's event.proto and summary.proto.
const (
	eventWallTime = 1
	eventStep     = 2
	eventVersion  = 3
	eventSummary  = 5

	summaryValue = 1
	valueTag     = 1
	valueSimple  = 2
)

// newCurves begins a file in dir. A training that goes on begins another one beside it; TensorBoard shows them as one run.
func newCurves(dir string, now time.Time) (*curves, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	file, err := os.Create(filepath.Join(dir, fmt.Sprintf("events.out.tfevents.%010d.%09d.weft", now.Unix(), now.Nanosecond())))
	if err != nil {
		return nil, err
	}
	c := &curves{file: file}
	c.event(now, 0, func(e []byte) []byte {
		return protowire.AppendString(protowire.AppendTag(e, eventVersion, protowire.BytesType), "brain.Event:2")
	})
	return c, c.err
}

// add writes one number of a curve.
func (c *curves) add(now time.Time, tag string, step int, x float64) {
	var value []byte
	value = protowire.AppendString(protowire.AppendTag(value, valueTag, protowire.BytesType), tag)
	value = protowire.AppendFixed32(protowire.AppendTag(value, valueSimple, protowire.Fixed32Type), math.Float32bits(float32(x)))
	summary := protowire.AppendBytes(protowire.AppendTag(nil, summaryValue, protowire.BytesType), value)
	c.event(now, step, func(e []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(e, eventSummary, protowire.BytesType), summary)
	})
}

// close flushes and tells the first error of all.
func (c *curves) close() error { return errors.Join(c.err, c.file.Close()) }

func (c *curves) event(now time.Time, step int, what func([]byte) []byte) {
	seconds := float64(now.UnixNano()) / 1e9
	e := protowire.AppendFixed64(protowire.AppendTag(nil, eventWallTime, protowire.Fixed64Type), math.Float64bits(seconds))
	e = protowire.AppendVarint(protowire.AppendTag(e, eventStep, protowire.VarintType), uint64(step))
	if c.err == nil {
		_, c.err = c.file.Write(record(what(e)))
	}
}

// record frames data as a TFRecord: length, its checksum, data, their checksum, all little-endian.
func record(data []byte) []byte {
	r := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	r = binary.LittleEndian.AppendUint32(r, masked(r))
	r = append(r, data...)
	return binary.LittleEndian.AppendUint32(r, masked(data))
}

// masked is the checksum of a TFRecord: CRC-32C turned by 15 bits, plus a constant, so that checksums of data that hold
// checksums are sound.
func masked(data []byte) uint32 {
	sum := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
	return (sum>>15 | sum<<17) + 0xa282ead8
}
