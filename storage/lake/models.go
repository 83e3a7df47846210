package lake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/google/renameio/v2"

	"weft/storage/objects"
)

const (
	modelsFolder  = "models"
	modelsPrefix  = Root + modelsFolder + "/"
	modelManifest = "manifest.json"
	maxModelFile  = 8 << 30 // bytes
)

// ErrNoModel: there is no such model, or it is not whole.
var ErrNoModel = errors.New("no such model")

var fingerprintPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Models stores trained models: the files of each under lake/v1/models/<fingerprint>/, never changed. The fingerprint is
// the SHA-256 of its manifest.json, which holds the SHA-256 of the others ("files"). Take it from a Lake or NewModels.
type Models struct{ store objects.Store }

// NewModels is for those who need no tables.
func NewModels(store objects.Store) Models { return Models{store} }

// Put stores the named files of a folder, further ones given as they are, and the folder's manifest last; it returns the
// fingerprint. What is stored already stays; that it is the same is checked for files that the manifest digests.
func (m Models) Put(ctx context.Context, dir string, names []string, further map[string][]byte) (string, error) {
	manifest, err := os.ReadFile(filepath.Join(dir, modelManifest))
	if err != nil {
		return "", fmt.Errorf("lake: store model: %w", err)
	}
	digests, err := digestsOf(manifest)
	if err != nil {
		return "", fmt.Errorf("lake: store model: %w", err)
	}
	fingerprint := sum256(manifest)
	put := func(name string, body []byte) error {
		key := modelsPrefix + fingerprint + "/" + name
		if want := digests[name]; want != "" && sum256(body) != want {
			return fmt.Errorf("lake: store model: %s is not what its manifest says", name)
		}
		_, err := m.store.Put(ctx, key, body, objects.Condition{IfAbsent: true})
		if errors.Is(err, objects.ErrPrecondition) {
			return m.same(ctx, key, digests[name])
		}
		if err != nil {
			return fmt.Errorf("lake: store model: %s: %w", name, err)
		}
		return nil
	}
	for name, body := range further {
		if err := put(name, body); err != nil {
			return "", err
		}
	}
	for _, name := range names {
		body, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = put(name, body)
		}
		if err != nil {
			return "", err
		}
	}
	return fingerprint, put(modelManifest, manifest)
}

func (m Models) same(ctx context.Context, key, digest string) error {
	if digest == "" {
		return nil
	}
	body, _, err := m.store.Get(ctx, key, objects.GetOptions{MaxBytes: maxModelFile})
	if err != nil {
		return fmt.Errorf("lake: store model: %w", err)
	}
	if sum256(body) != digest {
		return fmt.Errorf("lake: store model: %s has another content than its manifest says: remove it and store the model again", key)
	}
	return nil
}

// Fetch brings a model's files into a folder, each checked and moved into place as a whole; what is there already and
// right is not read again. Errors: ErrNoModel.
func (m Models) Fetch(ctx context.Context, fingerprint, dir string) error {
	wrap := func(err error) error { return fmt.Errorf("lake: model %.12s…: %w", fingerprint, err) }
	if !fingerprintPattern.MatchString(fingerprint) {
		return wrap(fmt.Errorf("%w: a fingerprint is 64 hex digits", ErrNoModel))
	}
	prefix := modelsPrefix + fingerprint + "/"
	manifest, _, err := m.store.Get(ctx, prefix+modelManifest, objects.GetOptions{MaxBytes: maxModelFile})
	if errors.Is(err, objects.ErrNotExist) {
		return wrap(ErrNoModel)
	}
	if err != nil {
		return wrap(err)
	}
	if sum256(manifest) != fingerprint {
		return wrap(fmt.Errorf("%s%s is damaged: remove the folder and store the model again", prefix, modelManifest))
	}
	digests, err := digestsOf(manifest)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return wrap(err)
	}
	for info, err := range m.store.List(ctx, prefix, "") {
		if err != nil {
			return wrap(err)
		}
		name := strings.TrimPrefix(info.Key, prefix)
		if name == modelManifest || name != filepath.Base(name) {
			continue
		}
		if err := m.fetch(ctx, info.Key, filepath.Join(dir, name), digests[name]); err != nil {
			return wrap(err)
		}
	}
	return writeWhole(filepath.Join(dir, modelManifest), manifest)
}

func (m Models) fetch(ctx context.Context, key, path, digest string) error {
	if have, err := os.ReadFile(path); err == nil && digest != "" && sum256(have) == digest {
		return nil
	}
	body, _, err := m.store.Get(ctx, key, objects.GetOptions{MaxBytes: maxModelFile})
	if err != nil {
		return err
	}
	if digest != "" && sum256(body) != digest {
		return fmt.Errorf("%s is damaged: its SHA-256 is not what the manifest says; remove the folder and store the model again", key)
	}
	return writeWhole(path, body)
}

// List is the fingerprints of the models that are whole.
func (m Models) List(ctx context.Context) ([]string, error) {
	var all []string
	for info, err := range m.store.List(ctx, modelsPrefix, "") {
		if err != nil {
			return nil, fmt.Errorf("lake: models: %w", err)
		}
		if name, file, _ := strings.Cut(strings.TrimPrefix(info.Key, modelsPrefix), "/"); file == modelManifest {
			all = append(all, name)
		}
	}
	return all, nil
}

func digestsOf(manifest []byte) (map[string]string, error) {
	var m struct {
		Files map[string]string `json:"files"`
	}
	if err := json.Unmarshal(manifest, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", modelManifest, err)
	}
	return m.Files, nil
}

func sum256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// writeWhole replaces a file of the machine as a whole: several processes may fetch one model at once.
func writeWhole(path string, body []byte) error {
	return renameio.WriteFile(path, body, 0o644, renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(0o644))
}
