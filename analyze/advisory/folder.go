package advisory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// readPath reads one argument of Read that is not standard input.
func (in *intake) readPath(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return bareError(err)
	}
	slash := filepath.ToSlash(filepath.Clean(name))
	if path.Base(slash) == seriesName && info.Mode().IsRegular() {
		return in.folder(filepath.Dir(name)) // a queue is named by its folder or its series
	}
	if info.IsDir() {
		return in.folder(name)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("neither file nor folder, but %v", info.Mode().Type())
	}
	f, err := os.Open(name)
	if err != nil {
		return bareError(err)
	}
	defer f.Close()
	return in.take(item{where: name, name: path.Join(path.Base(path.Dir(slash)), path.Base(slash)), left: in.unpackLimit()}, f)
}

// unpackLimit is a fresh allowance of bytes to unpack.
func (in *intake) unpackLimit() *int64 {
	left := in.limits.Total
	return &left
}

// bareError takes the path off an error whose caller names it.
func bareError(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// folder reads all files below a folder. A file that cannot be read or
// understood is a warning; links that lead out of the folder are not followed.
func (in *intake) folder(name string) error {
	root, err := os.OpenRoot(name)
	if err != nil {
		return bareError(err)
	}
	defer root.Close()
	w := &folderWalk{in: in, root: root, where: name, name: path.Base(filepath.ToSlash(filepath.Clean(name)))}
	before := len(in.leaves)
	if err := fs.WalkDir(root.FS(), ".", w.visit); err != nil {
		return err
	}
	if len(in.leaves) == before {
		return errors.Join(append([]error{errors.New("the folder holds " + errUseless.Error())}, stringErrors(in.warnings)...)...)
	}
	w.reportUseless()
	return nil
}

func stringErrors(list []string) []error {
	var out []error
	for _, s := range list {
		out = append(out, errors.New(s))
	}
	return out
}

// A folderWalk is the state of reading one folder.
type folderWalk struct {
	in      *intake
	root    *os.Root
	where   string // the folder, as the user named it
	name    string // its last element
	files   int
	useless []string
}

func (w *folderWalk) visit(rel string, d fs.DirEntry, err error) error {
	where := path.Join(filepath.ToSlash(w.where), rel)
	if ctxErr := w.in.ctx.Err(); ctxErr != nil {
		return ctxErr
	}
	if err != nil {
		w.in.warn(where, bareError(err))
		return nil
	}
	if d.IsDir() {
		return w.visitFolder(rel, where)
	}
	if w.files++; w.files > w.in.limits.Files {
		return fmt.Errorf("more than %d files", w.in.limits.Files)
	}
	err = w.file(rel, where)
	if errors.Is(err, errUseless) {
		w.useless = append(w.useless, where)
	} else if err != nil {
		w.in.warn(where, err)
	}
	return w.in.ctx.Err()
}

// visitFolder leaves out what is hidden, and a maildir's half-delivered mails.
func (w *folderWalk) visitFolder(rel, where string) error {
	base := path.Base(rel)
	if rel != "." && strings.HasPrefix(base, ".") {
		w.in.warn(where, errors.New("a hidden folder, left out"))
		return fs.SkipDir
	}
	if base == "tmp" && w.isFolder(path.Join(path.Dir(rel), "cur")) && w.isFolder(path.Join(path.Dir(rel), "new")) {
		if list, err := fs.ReadDir(w.root.FS(), rel); err != nil || len(list) > 0 {
			w.in.warn(where, fmt.Errorf("%d mails that were still being delivered, left out", len(list)))
		}
		return fs.SkipDir
	}
	return nil
}

func (w *folderWalk) isFolder(rel string) bool {
	info, err := w.root.Stat(rel)
	return err == nil && info.IsDir()
}

func (w *folderWalk) file(rel, where string) error {
	if strings.HasSuffix(rel, partSuffix) {
		return errors.New("an unfinished download, left out")
	}
	info, err := w.root.Stat(rel)
	if err != nil {
		return bareError(err)
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for ever
		return fmt.Errorf("not a file but %v, left out", info.Mode().Type())
	}
	f, err := w.root.Open(rel)
	if err != nil {
		return bareError(err)
	}
	defer f.Close()
	return w.in.take(item{where: where, name: path.Join(w.name, rel), left: w.in.unpackLimit()}, f)
}

// maxNamed is how many useless files are named one by one.
const maxNamed = 10

func (w *folderWalk) reportUseless() {
	named := w.useless
	if len(named) > maxNamed {
		named = named[:maxNamed]
	}
	for _, where := range named {
		w.in.warn(where, errUseless)
	}
	if rest := len(w.useless) - len(named); rest > 0 {
		w.in.warn(w.where, fmt.Errorf("%d more files are %w", rest, errUseless))
	}
}
