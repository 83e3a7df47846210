package graph

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// ErrNotModel marks bytes that are not an ONNX model.
var ErrNotModel = errors.New("not an ONNX model")

// Signature is what a caller of a model needs to know.
type Signature struct {
	Inputs, Outputs []Info
	Metadata        map[string]string
}

// Inspect reads the inputs, outputs and metadata of a model without loading its weights. Inputs that have a default among
// the weights are left out, as a runtime does.
func Inspect(model []byte) (Signature, error) {
	var s Signature
	found := false
	err := fields(model, func(field protowire.Number, v []byte) error {
		switch field {
		case modelGraph:
			found = true
			return s.readGraph(v)
		case modelMetadata:
			return s.readMetadata(v)
		}
		return nil
	})
	if err == nil && !found {
		err = errors.New("it holds no graph")
	}
	if err == nil && len(s.Outputs) == 0 {
		err = errors.New("its graph has no output")
	}
	if err != nil {
		return Signature{}, fmt.Errorf("%w (%d bytes): %w", ErrNotModel, len(model), err)
	}
	return s, nil
}

func (s *Signature) readGraph(graph []byte) error {
	weights := map[string]bool{}
	var inputs []Info
	err := fields(graph, func(field protowire.Number, v []byte) error {
		var err error
		switch field {
		case graphInitializer:
			err = fields(v, func(field protowire.Number, v []byte) error {
				if field == tensorName {
					weights[string(v)] = true
				}
				return nil
			})
		case graphInput:
			inputs, err = appendInfo(inputs, v)
		case graphOutput:
			s.Outputs, err = appendInfo(s.Outputs, v)
		}
		return err
	})
	for _, in := range inputs {
		if !weights[in.Name] {
			s.Inputs = append(s.Inputs, in)
		}
	}
	return err
}

func (s *Signature) readMetadata(entry []byte) error {
	var key, text string
	err := fields(entry, func(field protowire.Number, v []byte) error {
		switch field {
		case entryKey:
			key = string(v)
		case entryText:
			text = string(v)
		}
		return nil
	})
	if s.Metadata == nil {
		s.Metadata = map[string]string{}
	}
	s.Metadata[key] = text
	return err
}

func appendInfo(infos []Info, b []byte) ([]Info, error) {
	var info Info
	err := fields(b, func(field protowire.Number, v []byte) error {
		switch field {
		case infoName:
			info.Name = string(v)
		case infoType:
			return fields(v, func(field protowire.Number, v []byte) error {
				if field == typeTensor {
					return info.readTensorType(v)
				}
				return nil
			})
		}
		return nil
	})
	return append(infos, info), err
}

func (i *Info) readTensorType(b []byte) error {
	return fields(b, func(field protowire.Number, v []byte) error {
		switch field {
		case typeTensorElem:
			i.Type = Type(number(v))
		case typeTensorShape:
			i.Dims = []Dim{}
			return fields(v, func(field protowire.Number, v []byte) error {
				if field != shapeDim {
					return nil
				}
				var d Dim
				err := fields(v, func(field protowire.Number, v []byte) error {
					switch field {
					case dimSize:
						d.Size = max(0, number(v))
					case dimName:
						d.Name = string(v)
					}
					return nil
				})
				i.Dims = append(i.Dims, d)
				return err
			})
		}
		return nil
	})
}

// fields calls f for each field of a message: with its content for texts and nested messages, with its encoding for numbers.
func fields(b []byte, f func(protowire.Number, []byte) error) error {
	for len(b) > 0 {
		field, wire, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		n = protowire.ConsumeFieldValue(field, wire, b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		v := b[:n]
		if wire == protowire.BytesType {
			v, _ = protowire.ConsumeBytes(v)
		}
		if err := f(field, v); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// number reads a field that fields passed as its encoding; 0 if it is no integer.
func number(v []byte) int64 {
	x, n := protowire.ConsumeVarint(v)
	if n < 0 {
		return 0
	}
	return int64(x)
}
