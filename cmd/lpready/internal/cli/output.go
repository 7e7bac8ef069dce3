package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"lpready/analyze"
	"lpready/cmd/lpready/internal/render"
)

// An output is where and how a command writes its result.
type output struct {
	app    *app
	format *choice
	file   string
}

func addOutput(a *app, cmd *cobra.Command, formats ...string) *output {
	o := &output{app: a, format: addFormat(cmd, formats...)}
	cmd.Flags().StringVarP(&o.file, "output", "o", "", "write to this `file`, readable by its owner only")
	return o
}

// report writes a report, and tells by its error whether everything is ready.
func (o *output) report(r *analyze.Report) error {
	h, err := render.For(o.format.value, o.app.layout(o.file != ""))
	if err != nil {
		return input(err)
	}
	if err := o.write(func(w io.Writer) error { return h.Render(w, r) }); err != nil {
		return err
	}
	return ready(r)
}

// write hands what a function writes to the file that was asked for, whole or
// not at all, or to stdout.
func (o *output) write(fill func(io.Writer) error) error {
	var b bytes.Buffer
	if err := fill(&b); err != nil {
		return machine(err)
	}
	if o.file == "" || o.file == "-" {
		_, err := o.app.Stdout.Write(b.Bytes())
		return machine(err)
	}
	if info, err := os.Stat(o.file); err == nil && !info.Mode().IsRegular() {
		return inputf("%s: expected the name of a file", o.file)
	}
	return machine(writeAside(o.file, b.Bytes()))
}

// writeAside writes a new file of mode 0600 beside the old one and then puts it
// in its place.
func writeAside(name string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".lpready-*")
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// ready tells by its error how many cells ask for work.
func ready(r *analyze.Report) error {
	n := 0
	for i := range r.Cells {
		if c := r.Cells[i].Class; c != "not-needed" && c != "clean" {
			n++
		}
	}
	if n > 0 {
		return NotReady{Cells: n, Of: len(r.Cells)}
	}
	return nil
}
