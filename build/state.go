package build

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A state is how far a cell came, in a folder of its own: state.json, and a folder
// for the files of each phase that has any. What state.json does not name is left
// over from a run that was killed, and removed.
type state struct {
	dir string
	record
}

// A record is the content of state.json.
type record struct {
	Version int     `json:"version"`
	Done    []done  `json:"done"`
	Failed  *failed `json:"failed,omitempty"`
}

// stateVersion is raised when the phases mean something else than before.
const stateVersion = 1

// A done is a phase that came to its end.
type done struct {
	Phase   string            `json:"phase"`
	Inputs  map[string]string `json:"inputs"`          // digests, by what they are of
	Dir     string            `json:"dir,omitempty"`   // of its files, in the state's folder
	Files   map[string]string `json:"files,omitempty"` // digests, by path in Dir
	Seconds float64           `json:"seconds"`
	Ended   time.Time         `json:"ended"`
	Data    json.RawMessage   `json:"data"`
}

// A failed is a phase that came to none.
type failed struct {
	Failure
	Inputs map[string]string `json:"inputs"`
}

const stateName = "state.json"

// openState reads the state in a folder, a new one where there is none or where it
// cannot be read, and clears away what does not belong to it.
func openState(dir string) (*state, error) {
	s := &state{dir: dir, record: record{Version: stateVersion}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(dir, stateName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var r record
	if err == nil && json.Unmarshal(data, &r) == nil && r.Version == stateVersion && r.sound() {
		s.record = r
	}
	return s, s.clear()
}

// sound tells whether all folders are ones that begin makes: a file that was tampered
// with leads nowhere else.
func (r *record) sound() bool {
	return !slices.ContainsFunc(r.Done, func(d done) bool {
		return d.Dir != "" && (d.Dir != filepath.Base(d.Dir) || !strings.HasPrefix(d.Dir, d.Phase+"-")) ||
			slices.ContainsFunc(slices.Collect(maps.Keys(d.Files)), func(name string) bool { return !filepath.IsLocal(name) })
	})
}

// clear removes the folders of phases that did not come to their end.
func (s *state) clear() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		phase, _, ok := strings.Cut(e.Name(), "-")
		scrap := ok && slices.Contains(phaseNames, phase) && e.IsDir() && !slices.ContainsFunc(s.Done, func(d done) bool { return d.Dir == e.Name() })
		if scrap || strings.HasPrefix(e.Name(), stateName+".") {
			if err := os.RemoveAll(filepath.Join(s.dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// begin makes a folder for the files of a phase. Its name is new, so that programs of
// a killed run that are still alive write elsewhere.
func (s *state) begin(phase string) (string, error) { return os.MkdirTemp(s.dir, phase+"-") }

// whole gives a phase that came to its end with the same inputs and whose files are
// as they were then.
func (s *state) whole(phase string, inputs map[string]string) *done {
	d, _ := s.find(phase, inputs)
	return d
}

// find is whole, and says why a phase of before does not count.
func (s *state) find(phase string, inputs map[string]string) (*done, string) {
	i := slices.IndexFunc(s.Done, func(d done) bool { return d.Phase == phase })
	if i < 0 {
		return nil, ""
	}
	d := &s.Done[i]
	if why := differing(d.Inputs, inputs); why != "" {
		return nil, why
	}
	for _, name := range slices.Sorted(maps.Keys(d.Files)) {
		sum, err := digestFile(filepath.Join(s.dir, d.Dir, name))
		if err != nil {
			return nil, fmt.Sprintf("%s cannot be read", name)
		}
		if sum != d.Files[name] {
			return nil, fmt.Sprintf("%s is not as it was written", name)
		}
	}
	return d, ""
}

// differing names the inputs that are others than before.
func differing(old, now map[string]string) string {
	var names []string
	for name, sum := range now {
		if old[name] != sum {
			names = append(names, name)
		}
	}
	for name := range old {
		if _, ok := now[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	switch len(names) {
	case 0:
		return ""
	case 1:
		return names[0] + " is another"
	}
	return strings.Join(names, ", ") + " are others"
}

// put records the end of a phase, with all its files on the disk before that.
func (s *state) put(d done, data any) error {
	var err error
	if d.Data, err = json.Marshal(data); err != nil {
		return err
	}
	if d.Dir != "" {
		if d.Files, err = settle(filepath.Join(s.dir, d.Dir)); err != nil {
			return err
		}
	}
	s.drop(d.Phase)
	s.Done, s.Failed = append(s.Done, d), nil
	return s.save()
}

// drop forgets a phase. What follows it stays, and counts if its inputs turn out to be
// the same again.
func (s *state) drop(phase string) {
	s.Done = slices.DeleteFunc(slices.Clone(s.Done), func(d done) bool { return d.Phase == phase })
}

// fail records that a phase failed.
func (s *state) fail(f Failure, inputs map[string]string) error {
	s.drop(f.Phase)
	s.Failed = &failed{f, inputs}
	return s.save()
}

// failedBefore gives the failure of a phase with the same inputs, where it would fail
// again.
func (s *state) failedBefore(phase string, inputs map[string]string) *Failure {
	if f := s.Failed; f != nil && f.Phase == phase && f.Final() && differing(f.Inputs, inputs) == "" {
		return &f.Failure
	}
	return nil
}

func (s *state) save() error {
	data, err := json.MarshalIndent(&s.record, "", " ")
	if err != nil {
		return err
	}
	if err := saveFile(filepath.Join(s.dir, stateName), data); err != nil {
		return err
	}
	return s.clear()
}

// saveFile writes a file aside, brings it to the disk, and puts it in its place.
func saveFile(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	return syncDir(filepath.Dir(name))
}

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// settle brings the files and folders below a folder to the disk and gives the
// digests of the files, by path.
func settle(dir string) (map[string]string, error) {
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			return syncDir(name)
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		files[rel], err = syncFile(name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return files, syncDir(filepath.Dir(dir))
}

// syncFile brings a file to the disk and gives its digest. Objects of the base are
// linked, and may be read only; they were brought to the disk by nobody, which their
// digest finds out.
func syncFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), f.Sync()
}

func digestFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
