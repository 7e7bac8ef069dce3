package port

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"lpready/analyze/advisory"
	"lpready/analyze/patch"
)

// Finished holds patches that a person ported, for the bases that they are for.
type Finished struct {
	list []*finished
}

// A finished patch, and the recipe's patch that it was made from.
type finished struct {
	file     string // below the folder
	base     string // folder that it lies in, "" for all bases
	xsa      int    // 0 where it does not say
	patch    patch.Patch
	original []patch.Patch // of the same name in the folder of originals
}

// Limits of a folder of finished patches.
const (
	maxFinished     = 5000
	maxFinishedSize = 8 << 20
)

// LoadFinished reads a folder as Write makes it, or one of loose patches. What
// is for one base only lies in a folder of the base's name.
func LoadFinished(dir string) (*Finished, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	u := new(Finished)
	tree := root.FS()
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (slices.Contains([]string{originalDir, reviewDir, conflictsDir}, d.Name()) || strings.Count(name, "/") > 2):
			return fs.SkipDir
		case !d.Type().IsRegular() || path.Ext(name) != ".patch" || strings.HasPrefix(d.Name(), "prereq-"):
			return nil
		case len(u.list) == maxFinished:
			return fmt.Errorf("%s: more than %d patches", dir, maxFinished)
		}
		return u.add(tree, name)
	})
	if err != nil {
		return nil, err
	}
	if len(u.list) == 0 {
		return nil, fmt.Errorf("%s: expected patches (*.patch) that were ported by hand", dir)
	}
	return u, nil
}

func (u *Finished) add(tree fs.FS, name string) error {
	read := func(name string) ([]patch.Patch, error) {
		info, err := fs.Stat(tree, name)
		if err != nil {
			return nil, err
		}
		if info.Size() > maxFinishedSize {
			return nil, fmt.Errorf("%s: a patch of more than %d MiB", name, maxFinishedSize>>20)
		}
		data, err := fs.ReadFile(tree, name)
		if err != nil {
			return nil, err
		}
		return patch.Parse(name, bytes.NewReader(data))
	}
	list, err := read(name)
	if err != nil {
		return err
	}
	var base string
	if dir := path.Dir(name); dir != "." {
		base, _, _ = strings.Cut(dir, "/")
	}
	originals, err := read(path.Join(path.Dir(name), originalDir, path.Base(name)))
	if err != nil {
		originals = nil // it is not there, or of no use
	}
	for _, p := range list {
		u.list = append(u.list, &finished{file: name, base: base, xsa: numberOf(&p, name), patch: p, original: originals})
	}
	return nil
}

var xsaName = regexp.MustCompile(`(?i)xsa-?([0-9]{1,5})`)

// numberOf is the XSA that a patch says it fixes, or that its file is named for.
func numberOf(p *patch.Patch, name string) int {
	m := isXSA.FindStringSubmatch(p.Header.Body)
	if m == nil {
		m = xsaName.FindStringSubmatch(path.Base(name))
	}
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// edits is the text of all changed lines of a patch, file by file, without
// context and places.
func edits(p *patch.Patch) string {
	var b strings.Builder
	for _, f := range p.Files {
		fmt.Fprintf(&b, "\x00%s\x00%s\x00", f.OldName, f.NewName)
		for _, h := range f.Hunks {
			for _, l := range h.Lines {
				if l.Op != patch.Context {
					b.WriteByte(byte(l.Op))
					b.WriteString(l.Text)
				}
			}
		}
	}
	return b.String()
}

// likeness is the share of changed lines that two patches have in common.
func likeness(a, b *patch.Patch) float64 {
	count := map[string]int{}
	total, common := 0, 0
	walk := func(p *patch.Patch, see func(string)) {
		for _, f := range p.Files {
			for _, h := range f.Hunks {
				for _, l := range h.Lines {
					if l.Op != patch.Context && len(strings.TrimSpace(l.Text)) > 3 {
						see(string(rune(l.Op)) + strings.TrimSpace(l.Text))
					}
				}
			}
		}
	}
	walk(a, func(s string) { count[s]++; total++ })
	walk(b, func(s string) {
		total++
		if count[s] > 0 {
			count[s]--
			common += 2
		}
	})
	if total == 0 {
		return 0
	}
	return float64(common) / float64(total)
}

// match finds the finished patch for one of a recipe: of the same XSA and
// subject, else of the same name, else of much the same content.
func (u *Finished) match(base string, xsa int, p *patch.Patch, taken map[*finished]bool) *finished {
	var best *finished
	most := 0.5
	for _, f := range u.list {
		if taken[f] || f.base != "" && f.base != fileName(base) && f.base != base || f.xsa != 0 && xsa != 0 && f.xsa != xsa {
			continue
		}
		score := likeness(&f.patch, p)
		if f.patch.Header.Subject != "" && f.patch.Header.Subject == p.Header.Subject {
			score += 2
		}
		if path.Base(f.file) == fileName(path.Base(p.Name)) {
			score++
		}
		if score > most {
			best, most = f, score
		}
	}
	return best
}

// useFinished puts patches that a person ported in the place of the recipe's,
// carried over to what the recipe is now.
func (s *series) useFinished(j *job) {
	j.came = j.files
	u := s.req.Use
	if u == nil {
		return
	}
	tree := s.now.Fork()
	taken := map[*finished]bool{}
	out := make([]patch.Patch, 0, len(j.patches))
	for i := range j.patches {
		p := &j.patches[i]
		use := *p
		if f := u.match(s.base.ID, j.entry.XSA, p, taken); f != nil {
			taken[f] = true
			if carried, record := s.carry(tree, f, p, j); record != nil {
				record.Patch, record.File = p.Name, f.file
				j.uses = append(j.uses, *record)
				if carried != nil {
					use = *carried
				}
			}
		}
		if in, _ := s.ground.within(&use); len(in.Files) > 0 {
			// One that does not apply is found again when all are tried.
			if _, err := tree.Apply(in); err != nil {
				return
			}
		}
		out = append(out, use)
	}
	j.replace(out)
}

// replace gives a job other patches, and the texts that go with them.
func (j *job) replace(patches []patch.Patch) {
	var texts []advisory.NamedData
	for _, f := range j.files {
		same := true
		for i := range patches {
			if j.patches[i].Name == f.Name && !samePatch(&j.patches[i], &patches[i]) {
				same = false
			}
		}
		if same {
			texts = append(texts, f)
		}
	}
	j.patches, j.files = patches, texts
}

func samePatch(a, b *patch.Patch) bool {
	return len(a.Files) > 0 && len(b.Files) > 0 && &a.Files[0] == &b.Files[0]
}

// carry brings a finished patch to what the recipe's patch is now. There is no
// record where the finished patch is no other than the recipe's and that applies.
func (s *series) carry(tree *patch.Tree, f *finished, now *patch.Patch, j *job) (*patch.Patch, *Use) {
	if edits(&f.patch) == edits(now) {
		probe := tree.Fork()
		in, _ := s.ground.within(now)
		if r, err := probe.Apply(in); err == nil && r.OK() {
			return nil, nil
		}
		return f.as(now), &Use{Change: "nothing but context differs between the recipe and what was ported"}
	}
	var original *patch.Patch
	for i := range f.original {
		if o := &f.original[i]; o.Header.Subject == now.Header.Subject || len(f.original) == 1 {
			original = o
		}
	}
	switch {
	case original == nil:
		return f.as(now), &Use{Change: "not known", Review: "the patch that it was ported from does not lie in " + originalDir + "/ beside it: compare it with the recipe"}
	case edits(original) == edits(now):
		return f.as(now), &Use{Change: "the recipe has not changed since"}
	}
	r := s.revise(tree, f, original, now)
	use := &Use{Change: r.change, Review: r.review}
	if r.contested != nil {
		j.contested = append(j.contested, *r.contested)
	}
	if r.patch == nil {
		return nil, use
	}
	return r.patch, use
}

// as is the finished patch in the place of a recipe's: its name, and who wrote
// and says what.
func (f *finished) as(p *patch.Patch) *patch.Patch {
	out := f.patch
	out.Name, out.Line, out.Header = p.Name, p.Line, p.Header
	return &out
}
