package advisory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp"
)

// Options are what Read needs besides its paths. The zero value is useful.
type Options struct {
	Stdin   io.Reader          // for the path "-"
	Keyring openpgp.EntityList // keys that are trusted to sign advisories; see ReadKeyring
	Limits  Limits
}

// A Batch is what Read found, in the order of work.
type Batch struct {
	Entries  []*Entry
	Queue    bool     // a series file gave the order, at least of the first entries
	Warnings []string // what was left out or is doubtful; those of an advisory stand with it
}

// An Entry is a unit of work: an XSA, or a patch without a number.
type Entry struct {
	XSA      int       // 0 for a patch without a number
	Name     string    // "XSA-480", or the file name of the patch
	Context  bool      // a patch of a queue without a number: to be applied, not to be assessed
	Advisory *Advisory // nil where only patches are there
	Recipes  []Recipe  // best source first

	files []NamedData
	names nameIndex // of files
	cves  []string  // of the patches' own text
}

// NamedData is a file and its content.
type NamedData struct {
	Name string
	Data []byte
}

// Read takes in advisories and patches from files, folders (maildirs among
// them), mailboxes, archives and, as "-", standard input. What a file is
// counts by its content. An error names the path that failed; what cannot be
// read inside a folder, archive or mailbox is a warning instead.
//
// The order is that of the queue where a folder has a series file; what the
// queue lacks follows by XSA number, and patches without a number come last.
func Read(ctx context.Context, paths []string, opt Options) (*Batch, error) {
	limits := opt.Limits.withDefaults()
	budget := limits.Total
	var roots [][]leaf
	b := &Batch{}
	for _, name := range paths {
		in := &intake{ctx: ctx, limits: limits, budget: &budget}
		var err error
		if name == "-" {
			name = "standard input"
			err = in.stdin(opt.Stdin)
		} else {
			err = in.readPath(name)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if len(in.leaves) == 0 {
			return nil, fmt.Errorf("%s: %w", name, errors.Join(append([]error{errUseless}, stringErrors(in.warnings)...)...))
		}
		roots = append(roots, in.leaves)
		b.Warnings = append(b.Warnings, in.warnings...)
	}
	join(b, roots, opt.Keyring)
	b.Warnings = distinct(b.Warnings)
	return b, ctx.Err()
}

func (in *intake) stdin(r io.Reader) error {
	if r == nil {
		return errors.New("there is none")
	}
	return in.take(item{where: "standard input", name: "stdin", left: in.unpackLimit()}, r)
}

// Recipe returns the recipe that was made for a Xen version ("4.17", "4.17.5",
// "unstable"), with Xen set to that version. A recipe for another tree, such as
// Linux, is returned only where the entry has none for Xen's own at all: that
// QEMU needs a fix on 4.17 does not mean that Xen needs none.
func (e *Entry) Recipe(xen string) (Recipe, bool) {
	rel, _ := parseRelease(xen)
	own := slices.ContainsFunc(e.Recipes, func(r Recipe) bool { return r.Tree == "xen" })
	for _, r := range e.Recipes {
		if r.span.covers(rel) && (r.Tree == "xen" || !own) {
			return r.at(rel), true
		}
	}
	return Recipe{}, false
}

// Nearest returns the recipes for other versions of Xen's own tree, the
// nearest version first, the newer one where two are equally near; each with
// Xen set to its version that lies nearest.
func (e *Entry) Nearest(xen string) []Recipe {
	rel, ok := parseRelease(xen)
	if !ok {
		rel = unstable
	}
	var out []Recipe
	for _, r := range e.Recipes {
		if r.Tree != "xen" || r.span.covers(rel) {
			continue
		}
		r = r.at(r.span.nearest(rel))
		same := func(o Recipe) bool { return o.Xen == r.Xen && slices.Equal(o.Patches, r.Patches) }
		if !slices.ContainsFunc(out, same) {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b Recipe) int {
		return cmp.Or(cmp.Compare(distance(a, rel), distance(b, rel)), cmp.Compare(b.span.to, a.span.to))
	})
	return out
}

func distance(r Recipe, rel release) release {
	return max(r.span.from-rel, rel-r.span.to)
}

// Patch returns the content of a file by its name in a recipe.
func (e *Entry) Patch(name string) ([]byte, bool) {
	if i := e.names.find(name); i >= 0 {
		return e.files[i].Data, true
	}
	return nil, false
}

// addFile makes a file readable by its name, and tells whether it was new.
func (e *Entry) addFile(name string, data []byte) bool {
	if _, ok := e.names.exact[name]; ok {
		return false
	}
	e.files = append(e.files, NamedData{name, data})
	e.names.add(name)
	return true
}

// Patches returns the patches of a recipe in order. The error names those that
// the recipe asks for but that did not arrive; the others are still returned.
func (e *Entry) Patches(r Recipe) ([]NamedData, error) {
	var out []NamedData
	var missing []error
	for _, name := range r.Patches {
		if data, ok := e.Patch(name); ok {
			out = append(out, NamedData{name, data})
		} else {
			missing = append(missing, fmt.Errorf("%s: the patch %s is not there", e.Name, name))
		}
	}
	return out, errors.Join(missing...)
}

// Previous is the entry as the version before it had it; nil where no earlier
// version came along with patches.
func (e *Entry) Previous() *Entry {
	if e.Advisory == nil || len(e.Advisory.Older) == 0 || len(e.Advisory.Older[0].Attachments) == 0 {
		return nil
	}
	return advisoryEntry(e.Advisory.Older[0])
}

// Title is the advisory's title, else the subject of the first patch, else the
// name of the entry.
func (e *Entry) Title() string {
	if e.Advisory != nil && e.Advisory.Title != "" {
		return e.Advisory.Title
	}
	for _, f := range e.files {
		if s := subject(f.Data); s != "" {
			return s
		}
	}
	return e.Name
}

// CVEs are those of the advisory, else those that the patches name as theirs.
func (e *Entry) CVEs() []string {
	if e.Advisory != nil && len(e.Advisory.CVEs) > 0 {
		return e.Advisory.CVEs
	}
	return e.cves
}
