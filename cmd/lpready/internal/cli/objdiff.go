package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"lpready/analyze/objdiff"
	"lpready/cmd/lpready/internal/render"
)

func newObjdiff(a *app) *cobra.Command {
	var xen, symbols string
	cmd := &cobra.Command{
		Use:   "objdiff OLD NEW",
		Short: "Compare objects before and after, as livepatch-build-tools would",
		Long: `Compare an object file before and after a patch, or all objects of two builds:
which functions changed, what a payload would hold, what would be refused and in
which words, what would be passed over in silence, and which types changed their
layout. OLD and NEW are two objects, or two folders with objects of the same
paths; they need -ffunction-sections and -fdata-sections, and -g for types.

Exit codes: 0 nothing is refused, 1 something is, 2 usage or input, 3 the
machine or a tool.`,
		Example: `  lpready objdiff before/p2m.o after/p2m.o
  lpready objdiff --xen 4.17 --symbols xen-syms before/ after/`,
		Args: cobra.ExactArgs(2),
	}
	cmd.Flags().StringVar(&xen, "xen", "", "`version` of Xen, such as 4.17: decides sizes of entries of special sections")
	cmd.Flags().StringVar(&symbols, "symbols", "", "`file` with the hypervisor's symbols, xen-syms: checks that each function is there")
	out := addOutput(a, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		opt := objdiff.Options{Xen: xen}
		if xen != "" && !xenNumber.MatchString(xen) {
			return inputf("--xen %q: expected a version such as 4.17", xen)
		}
		if symbols != "" {
			data, err := readWhole(symbols)
			if err != nil {
				return err
			}
			if opt.Symbols, err = objdiff.ReadSymbols(data); err != nil {
				return inputf("%s: %w", symbols, err)
			}
		}
		started := a.Now()
		trees, err := compareObjects(cmd.Context(), args[0], args[1], opt)
		if err != nil {
			return err
		}
		a.detail("compared %d objects in %v", len(trees.Objects), a.Now().Sub(started).Round(time.Millisecond))
		err = out.write(func(w io.Writer) error {
			return render.Objdiff(w, out.format.value, a.layout(out.file != ""), started.UTC().Truncate(time.Second), trees)
		})
		if err != nil {
			return err
		}
		return compared(trees)
	}
	return cmd
}

// compared tells by its error how many objects are refused.
func compared(t *objdiff.Trees) error {
	if n := t.Count(objdiff.Refused); n > 0 {
		return NotReady{Cells: n, Of: len(t.Objects)}
	}
	return nil
}

var xenNumber = regexp.MustCompile(`^\d+\.\d+(\.\d+)?$`)

// compareObjects compares two folders or two files.
func compareObjects(ctx context.Context, old, new string, opt objdiff.Options) (*objdiff.Trees, error) {
	var folders int
	for _, name := range []string{old, new} {
		info, err := os.Stat(name)
		if err != nil {
			return nil, input(err)
		}
		if info.IsDir() {
			folders++
		}
	}
	switch folders {
	case 1:
		return nil, inputf("%s, %s: expected two objects, or two folders", old, new)
	case 2:
		trees, err := objdiff.CompareTrees(ctx, os.DirFS(old), os.DirFS(new), opt)
		return trees, input(err)
	}
	before, err := readWhole(old)
	if err != nil {
		return nil, err
	}
	after, err := readWhole(new)
	if err != nil {
		return nil, err
	}
	d, err := objdiff.Compare(before, after, opt)
	if err != nil {
		return nil, inputf("%s, %s: %w", old, new, err)
	}
	return objdiff.Single(filepath.Base(new), d), nil
}

// largestObject is the largest file that is read, in bytes.
const largestObject = 512 << 20

func readWhole(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, input(err)
	}
	if !info.Mode().IsRegular() || info.Size() > largestObject {
		return nil, input(fmt.Errorf("%s: expected a file of at most %d MB", name, largestObject>>20))
	}
	data, err := os.ReadFile(name)
	return data, input(err)
}
