package build

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"lpready/analyze"
	"lpready/build/port"
)

// A Naming says how payloads are called in the folder that is shipped.
type Naming struct {
	// XenServer asks for the names of XenServer's packages,
	// lp_VERSION__RELEASE__VERSION__RELEASE.livepatch with every dot an underscore,
	// from what is patched to To, and the link livepatch.livepatch to it: what xapi
	// looks for in /usr/lib/xen-livepatch/BUILD-ID (ocaml/xapi/livepatch.ml).
	XenServer bool
	To        string // version-release that the payload brings a host to
}

// Check tells whether bases can be named so.
func (n Naming) Check(g Grouping, bases []Base) error {
	if !n.XenServer {
		return nil
	}
	if g != Cumulative {
		return errors.New("XenServer's names are for one payload of a base: expected cumulative payloads")
	}
	if _, _, ok := strings.Cut(n.To, "-"); !ok {
		return fmt.Errorf("XenServer's names need the version and release that a host is brought to, such as 4.13.4-10.21.xs8: got %q", n.To)
	}
	for _, b := range bases {
		if _, _, ok := strings.Cut(b.Vendor.Release, "-"); !ok {
			return fmt.Errorf("base %s: XenServer's names need its version and release, such as 4.13.4-10.20.xs8: its profile has %q", b.ID, b.Vendor.Release)
		}
	}
	return nil
}

const xenServerLink = "livepatch.livepatch"

// file is the name of a payload's file, and that of a link to it, if any.
func (n Naming) file(c *cell) (name, link string) {
	if !n.XenServer {
		return c.Name + ".livepatch", ""
	}
	parts := make([]string, 0, 4)
	for _, s := range []string{c.base.Vendor.Release, n.To} {
		version, release, _ := strings.Cut(s, "-")
		parts = append(parts, strings.ReplaceAll(version, ".", "_"), strings.ReplaceAll(release, ".", "_"))
	}
	return "lp_" + strings.Join(parts, "__") + ".livepatch", xenServerLink
}

// A Manifest is the evidence of one payload.
type Manifest struct {
	Schema     string            `json:"schema"`
	Command    string            `json:"command"` // manifest
	Cell       Cell              `json:"cell"`
	Base       Host              `json:"base"`
	Tool       Tool              `json:"tool"`
	Inputs     map[string]string `json:"inputs"` // SHA-256, by what they are of
	Patches    []Input           `json:"patches"`
	Log        string            `json:"log,omitempty"` // file beside it
	Assessment []analyze.Cell    `json:"assessment"`
}

// An Input is a file that went into a payload.
type Input struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// Names in the folder of the payloads.
const (
	reviewDir    = "review" // payloads that a person has to look at before they are shipped
	manifestFile = "manifest.json"
)

// finish fills in the report.
func (m *matrix) finish() {
	for _, b := range m.bases {
		m.report.Assessment = append(m.report.Assessment, b.report.Cells...)
	}
	for _, c := range m.cells {
		if c.Payload != nil && c.Status != Refused {
			name, _ := m.Naming.file(c)
			c.Payload.Path = path.Join(c.base.host.BuildID, name)
			if c.Status != Ready {
				c.Payload.Path = path.Join(reviewDir, c.Payload.Path)
			}
		}
		m.report.Cells = append(m.report.Cells, c.Cell)
	}
	slices.SortStableFunc(m.report.Assessment, func(a, b analyze.Cell) int { return m.place(a) - m.place(b) })
	m.report.sum()
	m.report.Seconds = m.Now().Sub(m.started).Seconds()
	m.report.Out = filepath.Join(m.Work, outDir)
}

func (m *matrix) place(c analyze.Cell) int {
	return slices.IndexFunc(m.placed.Report.Cells, func(p port.Cell) bool {
		return p.Base == c.Base && p.XSA == c.XSA && (p.XSA > 0 || p.Title == c.Title)
	})
}

// publish writes the folder of the payloads and puts it in the place of that of the
// run before.
func (m *matrix) publish() (err error) {
	aside, err := os.MkdirTemp(m.Work, outDir+asidePart)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(aside)
		}
	}()
	for _, c := range m.cells {
		if err := m.write(c, aside); err != nil {
			return fmt.Errorf("%s: %w", c.ID, err)
		}
	}
	if err := writeJSON(filepath.Join(aside, manifestFile), m.report); err != nil {
		return err
	}
	if _, err := settle(aside); err != nil {
		return err
	}
	out := filepath.Join(m.Work, outDir)
	old := filepath.Join(m.Work, scratchDir, outDir)
	if err := os.Rename(out, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(aside, out); err != nil {
		return err
	}
	return syncDir(m.Work)
}

// write writes the payload of a cell, its manifest and its log; of a cell without a
// payload that is shipped, the last two.
func (m *matrix) write(c *cell, dir string) error {
	log := filepath.Join(c.dir, failedLog)
	at := filepath.Join(dir, reviewDir, c.base.host.BuildID, c.Name)
	if c.Payload != nil {
		log = filepath.Join(filepath.Dir(c.payloadPath()), logFile)
	}
	switch {
	case c.Payload != nil && c.Status != Refused:
		to := filepath.Join(dir, filepath.FromSlash(c.Payload.Path))
		at = strings.TrimSuffix(to, ".livepatch")
		if err := copyFile(c.payloadPath(), to); err != nil {
			return err
		}
		if name, link := m.Naming.file(c); link != "" {
			if err := os.Symlink(name, filepath.Join(filepath.Dir(to), link)); err != nil {
				return err
			}
		}
	case c.Payload == nil && c.Failure == nil:
		return nil
	}
	manifest := Manifest{Schema: analyze.Schema, Command: "manifest", Cell: c.Cell, Base: c.base.host, Tool: m.report.Tool, Inputs: map[string]string{}, Assessment: c.assessed}
	for _, d := range c.state.Done {
		maps.Copy(manifest.Inputs, d.Inputs)
	}
	for _, f := range c.patches {
		manifest.Patches = append(manifest.Patches, Input{Name: f.Name, SHA256: digest(f.Data)})
	}
	if c.consoles != "" {
		if err := os.CopyFS(at+".consoles", os.DirFS(c.consoles)); err != nil {
			return err
		}
	}
	if exists(log) {
		manifest.Log = filepath.Base(at) + ".log.zst"
		if err := copyFile(log, at+".log.zst"); err != nil {
			return err
		}
	}
	return writeJSON(at+".json", manifest)
}

func writeJSON(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return os.WriteFile(name, append(data, '\n'), 0o600)
}

func copyFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// logBytes is how much of one log is kept: its end, where it says what went wrong.
const logBytes = 64 << 20

// packLogs writes logs, compressed with zstd, into one file, each under a line with
// its name. No logs are no file.
func packLogs(to string, logs []string) (err error) {
	if len(logs) == 0 {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(to), stateName+".")
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err == nil {
			err = os.Rename(f.Name(), to)
		}
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	z, err := zstd.NewWriter(f, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	for _, name := range logs {
		if err := appendLog(z, name); err != nil {
			z.Close()
			return err
		}
	}
	return z.Close()
}

func appendLog(w io.Writer, name string) error {
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "==> %s <==\n", filepath.Base(name))
	if over := info.Size() - logBytes; over > 0 {
		fmt.Fprintf(w, "(%d bytes before this are left out)\n", over)
		if _, err := in.Seek(over, io.SeekStart); err != nil {
			return err
		}
	}
	if _, err := io.Copy(w, io.LimitReader(in, logBytes)); err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n")
	return err
}

// Archives lists the endings of names that Archive knows.
var Archives = []string{".tar.zst", ".tar.xz"}

// Archive packs a folder into a file, which appears once it is whole. The same folder
// gives the same bytes: names are sorted, and times, owners and modes left out. How it
// is packed follows from the end of its name, one of Archives.
func Archive(dir, to string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(to), "."+filepath.Base(to)+".")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	w, err := compressor(f, to)
	if err != nil {
		return err
	}
	if err := pack(dir, w); err != nil {
		return err
	}
	if err := errors.Join(w.Close(), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

func compressor(w io.Writer, name string) (io.WriteCloser, error) {
	switch {
	case strings.HasSuffix(name, ".tar.zst"):
		return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderConcurrency(1))
	case strings.HasSuffix(name, ".tar.xz"):
		return xz.NewWriter(w)
	}
	return nil, fmt.Errorf("archive %s: expected a name that ends in %s", name, strings.Join(Archives, " or "))
}

func pack(dir string, w io.Writer) error {
	t := tar.NewWriter(w)
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error { // in the order of names
		if err != nil || name == dir {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		h := &tar.Header{Name: filepath.ToSlash(rel), Mode: 0o644, ModTime: time.Unix(0, 0), Format: tar.FormatPAX}
		switch {
		case e.IsDir():
			h.Name, h.Mode, h.Typeflag = h.Name+"/", 0o755, tar.TypeDir
			return t.WriteHeader(h)
		case e.Type()&fs.ModeSymlink != 0:
			h.Typeflag = tar.TypeSymlink
			if h.Linkname, err = os.Readlink(name); err != nil {
				return err
			}
			return t.WriteHeader(h)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		h.Typeflag, h.Size = tar.TypeReg, int64(len(data))
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		_, err = t.Write(data)
		return err
	})
	return errors.Join(err, t.Close())
}
