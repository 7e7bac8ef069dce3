package boot

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
)

// A Log is a console of a boot.
type Log struct {
	Name   string `json:"name"`           // console.log: Xen and the dom0 kernel; steps.log: the script
	Bytes  int    `json:"bytes"`          // as it was
	SHA256 string `json:"sha256"`         // of that
	File   string `json:"file,omitempty"` // where SaveLogs put it, compressed by gzip

	data []byte
}

func (r *Result) keepLogs(b *booted) {
	for _, l := range []Log{{Name: consoleFile, data: b.console}, {Name: outputFile, data: b.output}} {
		sum := sha256.Sum256(l.data)
		l.Bytes, l.SHA256 = len(l.data), hex.EncodeToString(sum[:])
		r.Logs = append(r.Logs, l)
	}
}

// SaveLogs writes the consoles, compressed, into a folder, for their owner only. Prefix
// tells boots apart.
func (r *Result) SaveLogs(dir, prefix string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for i := range r.Logs {
		l := &r.Logs[i]
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(l.data); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		l.File = filepath.Join(dir, prefix+"-"+l.Name+".gz")
		if err := writeAside(l.File, b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// writeAside puts a file in its place only when it is whole.
func writeAside(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".lpready-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
