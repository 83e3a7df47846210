package models

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Choices of the manifest's closed fields.
var (
	modalities     = []string{string(Image), string(Text), string(Runtime)}
	precisions     = []string{"fp32", "fp16", "int8"}
	poolings       = []string{"none", "cls", "mean", "max", "pooler"}
	normalisations = []string{"none", "l2"}
	cropModes      = []string{"shortest-crop", "squash"}
	filters        = []string{"bicubic", "bilinear", "lanczos"}
	channelOrders  = []string{"rgb", "bgr"}
	layouts        = []string{"nchw", "nhwc"}
	paddings       = []string{"longest", "max-length"}
	platforms      = []string{"linux/amd64", "linux/arm64", "darwin/arm64"}
)

var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// fields checks values one after the other and keeps the first complaint.
type fields struct {
	manifest string
	err      error
}

func (f *fields) fail(field, format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf("%w %q: %s: %s", ErrManifest, f.manifest, field, fmt.Sprintf(format, args...))
	}
}

func (f *fields) oneOf(field, value string, choices []string) {
	if !slices.Contains(choices, value) {
		f.fail(field, "%q is not one of %s", value, strings.Join(choices, ", "))
	}
}

func (f *fields) within(field string, value, low, high int) {
	if value < low || value > high {
		f.fail(field, "%d is not from %d to %d", value, low, high)
	}
}

func (f *fields) present(field, value string) {
	if value == "" {
		f.fail(field, "is missing")
	}
}

func (f *fields) pin(field, sum string, size int64) {
	if raw, err := hex.DecodeString(sum); err != nil || len(raw) != 32 || sum != strings.ToLower(sum) {
		f.fail(field+".sha256", "%q is not 64 lower-case hex digits", sum)
	}
	if size <= 0 {
		f.fail(field+".size", "%d is not a positive number of bytes", size)
	}
}

func (f *fields) file(field string, file *File) {
	if file == nil {
		f.fail(field, "is missing")
		return
	}
	f.pin(field, file.SHA256, file.Size)
	src, err := ParseSource(file.Source)
	if err != nil {
		f.fail(field+".source", "%v", err)
	}
	switch {
	case src.Scheme == "pip" && file.Wheel == nil:
		f.fail(field+".wheel", "is missing: a pip source pins its wheel by sha256 and size")
	case src.Scheme != "pip" && file.Wheel != nil:
		f.fail(field+".wheel", "belongs to pip sources only, the source is %q", file.Source)
	case file.Wheel != nil:
		f.pin(field+".wheel", file.Wheel.SHA256, file.Wheel.Size)
	}
}

// Validate reports the first field that is missing, out of range, or does not
// belong, with its value and what would be valid. Parse calls it.
func (m *Manifest) Validate() error {
	f := &fields{manifest: m.Name}
	if !namePattern.MatchString(m.Name) {
		f.fail("name", "%q does not match %s", m.Name, namePattern)
	}
	f.oneOf("modality", string(m.Modality), modalities)
	f.present("license", m.License)
	f.present("homepage", m.Homepage)
	if m.Modality == Runtime {
		m.validateRuntime(f)
	} else {
		m.validateEncoder(f)
	}
	return f.err
}

func (m *Manifest) validateRuntime(f *fields) {
	f.present("version", m.Version)
	if len(m.Platforms) == 0 {
		f.fail("platforms", "is missing")
	}
	for platform, file := range m.Platforms {
		f.oneOf("platforms", platform, platforms)
		f.file("platforms."+platform, &file)
		if file.Name == "" || strings.ContainsAny(file.Name, `/\`) {
			f.fail("platforms."+platform+".name", "%q is not a file name", file.Name)
		}
	}
	if m.Image != nil || m.Text != nil || m.Goldens != nil || m.Dim != 0 || len(m.files()) > 0 {
		f.fail("modality", "%q has no dim, files, image, text or goldens", m.Modality)
	}
}

func (m *Manifest) validateEncoder(f *fields) {
	f.within("dim", m.Dim, 1, 65_536)
	f.oneOf("precision", m.Precision, precisions)
	f.present("output", m.Output)
	f.oneOf("pooling", m.Pooling, poolings)
	f.oneOf("normalisation", m.Normalisation, normalisations)
	f.within("max_batch", m.MaxBatch, 0, 65_536)
	if len(m.Platforms) > 0 || m.Version != "" {
		f.fail("platforms", "platforms and version belong to modality %q only", Runtime)
	}
	m.validateModel(f)
	switch m.Modality {
	case Image:
		m.validateImage(f)
	case Text:
		m.validateText(f)
	}
	if m.Goldens == nil {
		f.fail("goldens", "is missing: name inputs and a .npy file of the vectors that the model's reference gives for them")
		return
	}
	if len(m.Goldens.Inputs) == 0 || (m.Modality == Text && len(m.Goldens.Inputs) != 1) {
		f.fail("goldens.inputs", "%d files; photos take one file each, text one file of JSON lines", len(m.Goldens.Inputs))
	}
	for i := range m.Goldens.Inputs {
		f.file(fmt.Sprintf("goldens.inputs[%d]", i), &m.Goldens.Inputs[i])
	}
	f.file("goldens.vectors", &m.Goldens.Vectors)
}

func (m *Manifest) validateModel(f *fields) {
	if m.Convert == "" {
		f.file("files.model", m.Files.Model)
		if m.Files.Checkpoint != nil {
			f.fail("files.checkpoint", "needs convert, one of %s", strings.Join(conversions, ", "))
		}
		return
	}
	f.oneOf("convert", m.Convert, conversions)
	f.file("files.checkpoint", m.Files.Checkpoint)
	if m.Files.Model == nil {
		f.fail("files.model", "is missing: pin the converted file by sha256 and size")
		return
	}
	f.pin("files.model", m.Files.Model.SHA256, m.Files.Model.Size)
	if m.Files.Model.Source != "" {
		f.fail("files.model.source", "%q: a converted model is made from files.checkpoint and has no source", m.Files.Model.Source)
	}
}

func (m *Manifest) validateImage(f *fields) {
	in := m.Image
	if in == nil || m.Text != nil || m.Files.Tokenizer != nil {
		f.fail("image", "modality %q needs image, and neither text nor files.tokenizer", m.Modality)
		return
	}
	f.present("image.input", in.Input)
	f.within("image.size", in.Size, 1, 4096)
	f.oneOf("image.mode", in.Mode, cropModes)
	if in.Mode == "shortest-crop" {
		f.within("image.resize", in.Resize, in.Size, 4096)
	} else if in.Resize != 0 {
		f.fail("image.resize", "%d: mode %q scales to size, leave it out", in.Resize, in.Mode)
	}
	f.oneOf("image.filter", in.Filter, filters)
	if len(in.Mean) != 3 {
		f.fail("image.mean", "%d values, want 3", len(in.Mean))
	}
	if len(in.Std) != 3 {
		f.fail("image.std", "%d values, want 3", len(in.Std))
	}
	for _, s := range in.Std {
		if !(s > 0) {
			f.fail("image.std", "%v is not above 0", s)
		}
	}
	if in.Scale != 1 && in.Scale != 255 {
		f.fail("image.scale", "%v is not 1 or 255", in.Scale)
	}
	f.oneOf("image.channels", in.Channels, channelOrders)
	f.oneOf("image.layout", in.Layout, layouts)
}

func (m *Manifest) validateText(f *fields) {
	in := m.Text
	if in == nil || m.Image != nil {
		f.fail("text", "modality %q needs text and no image", m.Modality)
		return
	}
	f.file("files.tokenizer", m.Files.Tokenizer)
	f.present("text.ids", in.IDs)
	f.within("text.max_length", in.MaxLength, 2, 65_536)
	f.oneOf("text.padding", in.Padding, paddings)
}
