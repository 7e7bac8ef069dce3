package advisory

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
)

// A loose is a patch or .meta file that did not come attached to an advisory.
type loose struct {
	leaf
	label label
	cves  []string
	short string // the name that an advisory would use
}

// A joiner brings advisories and loose files together.
type joiner struct {
	batch      *Batch
	keyring    openpgp.EntityList
	advisories map[int][]*Advisory // by XSA, newest version first
	metas      map[*Advisory][]*meta
	loose      []*loose
	queue      []*Entry
	keys       []string // key files that were seen
}

// join makes entries of the leaves of all arguments.
func join(b *Batch, roots [][]leaf, keyring openpgp.EntityList) {
	j := &joiner{batch: b, keyring: keyring, advisories: map[int][]*Advisory{}, metas: map[*Advisory][]*meta{}}
	for _, leaves := range roots {
		for _, l := range leaves {
			if l.kind == kindText {
				j.addAdvisory(l)
			}
		}
	}
	j.orderVersions()
	for _, leaves := range roots {
		j.addFiles(leaves, j.addQueues(leaves))
	}
	rest := j.attachLoose()
	for _, versions := range j.advisories {
		for _, a := range versions {
			a.complete(j.metas[a])
		}
	}
	j.makeEntries(rest)
	if len(j.keys) > 0 && len(keyring) == 0 {
		j.warn("%s: holds OpenPGP keys, which count only when they are named as the keyring", strings.Join(j.keys, ", "))
	}
}

func (j *joiner) warn(format string, args ...any) {
	j.batch.Warnings = append(j.batch.Warnings, fmt.Sprintf(format, args...))
}

// addAdvisory judges the signature of an advisory and adds what its mail says.
func (j *joiner) addAdvisory(l leaf) {
	a := l.advisory
	a.Source = l.where
	switch {
	case errors.Is(l.signErr, errUnsigned):
		a.Signature = SignatureNone
	case l.signErr != nil:
		a.Signature = SignatureBad
		a.warn("the signature is bad: %v", l.signErr)
	default:
		var note string
		if a.Signature, note = l.signed.verify(j.keyring); a.Signature == SignatureBad {
			a.warn("the signature is bad: %s", note)
		} else if note != "" {
			a.warn("%s", note)
		}
	}
	if l.mail != nil {
		j.addMail(a, l.mail)
	}
	a.Version = max(a.Version, 1)
	j.advisories[a.XSA] = append(j.advisories[a.XSA], a)
}

// addMail takes from the mail around an advisory what the text lacks.
func (j *joiner) addMail(a *Advisory, m *message) {
	a.readSubject(m.subject)
	a.published = !m.date.IsZero() && (m.public || a.saysPublic())
	if a.published && a.Public.IsZero() {
		a.Public = m.date.UTC()
	}
	for _, f := range m.files {
		switch f.kind {
		case kindPatch:
			a.attach(f.name, f)
		case kindMeta:
			j.attachMeta(a, f.name, f)
		case kindKey:
			j.keys = append(j.keys, f.where)
		default:
			a.warn("%s: left out: %v", f.where, errUseless)
		}
	}
}

// orderVersions sorts the versions of each XSA, newest first, and merges what
// is present twice.
func (j *joiner) orderVersions() {
	for xsa, versions := range j.advisories {
		slices.SortStableFunc(versions, func(a, b *Advisory) int {
			return cmp.Or(cmp.Compare(b.Version, a.Version), cmp.Compare(trust[a.Signature], trust[b.Signature]))
		})
		var kept []*Advisory
		for _, a := range versions {
			if n := len(kept) - 1; n >= 0 && kept[n].Version == a.Version {
				j.merge(kept[n], a)
				continue
			}
			kept = append(kept, a)
		}
		newest := kept[0]
		newest.Older = kept[1:]
		for _, old := range newest.Older {
			if trust[old.Signature] < trust[newest.Signature] {
				newest.warn("version %d counts as the newest, but its signature is %s, while that of version %d is %s", newest.Version, newest.Signature, old.Version, old.Signature)
			}
			if newest.published && old.published && old.Public.Before(newest.Public) {
				newest.Public = old.Public
			}
		}
		j.advisories[xsa] = kept
	}
}

// trust orders signatures, the best first.
var trust = map[string]int{SignatureGood: 0, SignatureUnknownKey: 1, SignatureNone: 2, SignatureBad: 3}

// merge adds to a what a second copy of the same version has.
func (j *joiner) merge(a, copy *Advisory) {
	for _, f := range copy.Attachments {
		if a.attachment(f.Name) == nil {
			f.Checksum = a.check(f.Name, f.SHA256)
			a.Attachments = append(a.Attachments, f)
			a.fileNames.add(f.Name)
		}
	}
	j.metas[a] = append(j.metas[a], j.metas[copy]...)
	a.published = a.published || copy.published
	if a.Public.IsZero() {
		a.Public = copy.Public
	}
	if a.Title != copy.Title || !slices.Equal(a.sums, copy.sums) {
		a.warn("another text of the same version is at %s (signature %s); it is left out", copy.Source, copy.Signature)
	}
}

// addFiles sorts the other leaves of an argument.
func (j *joiner) addFiles(leaves []leaf, used map[string]bool) {
	for _, l := range leaves {
		switch {
		case l.kind == kindKey:
			j.keys = append(j.keys, l.where)
		case l.kind == kindMeta:
			f := newLoose(l, shortName(l.name))
			f.label.xsa = l.meta.xsa
			j.loose = append(j.loose, f)
		case l.kind == kindPatch && !used[l.name]:
			f := newLoose(l, shortName(l.name))
			j.checkNumber(f)
			j.loose = append(j.loose, f)
		}
	}
}

// newLoose labels a file by its name and, failing that, by its text.
func newLoose(l leaf, short string) *loose {
	return &loose{leaf: l, label: readLabel(l.name), short: short}
}

// checkNumber completes the label of a patch with what its text says it is.
func (j *joiner) checkNumber(f *loose) {
	xsa, cves := ownNumber(f.data)
	f.cves = cves
	switch {
	case f.label.xsa == 0:
		f.label.xsa = xsa
	case xsa != 0 && xsa != f.label.xsa:
		f.cves = nil
		j.warn("%s: its name says XSA-%d, its text XSA-%d; the name counts", f.where, f.label.xsa, xsa)
	}
}

// attachLoose gives the loose files to the advisories that they belong to, and
// returns those of no advisory.
func (j *joiner) attachLoose() []*loose {
	var rest []*loose
	for _, f := range j.loose {
		versions := j.advisories[f.label.xsa]
		if len(versions) == 0 {
			rest = append(rest, f)
			continue
		}
		a := versions[0]
		for _, v := range versions {
			if v.check(f.short, sha256Hex(f.data)) == ChecksumOK {
				a = v // the file of an older version stays with it
				break
			}
		}
		if f.kind == kindMeta {
			j.attachMeta(a, f.short, f.leaf)
		} else {
			a.attach(f.short, f.leaf)
		}
	}
	return rest
}

// attachMeta adds a .meta file. One whose checksum is wrong is not followed.
func (j *joiner) attachMeta(a *Advisory, name string, l leaf) {
	switch {
	case l.meta.xsa != a.XSA:
		a.warn("%s is for XSA-%d, left out", name, l.meta.xsa)
	case !a.attach(name, l):
	case a.attachment(name).Checksum == ChecksumMismatch:
		a.warn("%s has another checksum than the advisory lists; its recipes are not followed", name)
	default:
		j.metas[a] = append(j.metas[a], l.meta)
	}
}

// attach adds a file under the name that the advisory uses for it, and tells
// whether it was new. Of two different files of one name that which the
// advisory lists counts, else the first.
func (a *Advisory) attach(name string, l leaf) bool {
	f := Attachment{Name: name, Data: l.data, SHA256: sha256Hex(l.data)}
	listed, ok := a.listed(name)
	if !ok && l.packedSum != nil {
		f.SHA256 = l.packedSum()
		if listed, ok = a.listed(path.Join(path.Dir(name), path.Base(l.packedName))); !ok {
			f.SHA256 = sha256Hex(l.data)
		}
	}
	if ok {
		f.Name = listed.name
	}
	f.Checksum = a.check(f.Name, f.SHA256)
	have := a.attachment(f.Name)
	switch {
	case have == nil:
		a.Attachments = append(a.Attachments, f)
		a.fileNames.add(f.Name)
	case bytes.Equal(have.Data, f.Data):
		return false
	case have.Checksum != ChecksumOK && f.Checksum == ChecksumOK:
		*have = f
	default:
		a.warn("there is another, different %s at %s; it is left out", f.Name, l.where)
		return false
	}
	return true
}

// check compares a checksum with the one that the advisory lists.
func (a *Advisory) check(name, sum string) string {
	switch listed, ok := a.listed(name); {
	case !ok:
		return ChecksumAbsent
	case listed.sha256 == sum:
		return ChecksumOK
	}
	return ChecksumMismatch
}

// complete draws the conclusions once all files are there.
func (a *Advisory) complete(metas []*meta) {
	a.sumUp()
	var names, missing []string
	for _, f := range a.Attachments {
		if !isMetaName(f.Name) {
			names = append(names, f.Name)
		}
	}
	for _, s := range a.sums {
		if a.attachment(s.name) == nil && isPatchName(s.name) {
			names = append(names, s.name)
			missing = append(missing, s.name)
		}
	}
	if len(missing) > 0 {
		a.warn("patches that did not arrive: %d (%s)", len(missing), strings.Join(firstFew(missing), ", "))
	}
	var recipes []Recipe
	for _, m := range metas {
		recipes = append(recipes, m.recipes...)
	}
	a.Recipes = makeRecipes(recipes, a.mappings, distinct(names))
}

// sumUp sorts the attachments and draws their checksums together.
func (a *Advisory) sumUp() {
	slices.SortFunc(a.Attachments, func(x, y Attachment) int { return compareNatural(x.Name, y.Name) })
	a.fileNames = nameIndex{}
	seen := map[string]bool{}
	for _, f := range a.Attachments {
		a.fileNames.add(f.Name)
		seen[f.Checksum] = true
		if f.Checksum == ChecksumMismatch {
			sum, _ := a.listed(f.Name)
			a.warn("the checksum of %s is %s, the advisory lists %s", f.Name, f.SHA256, sum.sha256)
		}
	}
	switch {
	case seen[ChecksumMismatch]:
		a.Checksums = ChecksumMismatch
	case seen[ChecksumOK] && !seen[ChecksumAbsent]:
		a.Checksums = ChecksumOK
	default:
		a.Checksums = ChecksumAbsent
	}
}

// firstFew cuts a long list, with a mark.
func firstFew(list []string) []string {
	if len(list) <= 4 {
		return list
	}
	return append(slices.Clone(list[:3]), "...")
}

// makeEntries puts everything in the order of work.
func (j *joiner) makeEntries(rest []*loose) {
	queued := map[int][]*Entry{}
	for _, e := range j.queue {
		e.Recipes = []Recipe{queueRecipe(e.files)}
		queued[e.XSA] = append(queued[e.XSA], e)
	}
	j.batch.Entries = j.queue
	sets := map[int][]*loose{}
	for _, f := range rest {
		sets[f.label.xsa] = append(sets[f.label.xsa], f)
	}
	numbers := map[int]bool{}
	for n := range j.advisories {
		numbers[n] = true
	}
	for n := range sets {
		numbers[n] = true
	}
	delete(numbers, 0)
	for _, n := range slices.Sorted(maps.Keys(numbers)) {
		e := j.entry(n, sets[n])
		for _, q := range queued[n] {
			q.adopt(e)
		}
		if len(queued[n]) == 0 {
			j.batch.Entries = append(j.batch.Entries, e)
		}
	}
	for _, f := range sets[0] {
		j.warn("%s: no XSA number in its name, and its text does not say that it is one", f.where)
		e := &Entry{Name: path.Base(f.short)}
		e.addFile(f.short, f.data)
		e.Recipes = []Recipe{queueRecipe(e.files)}
		j.batch.Entries = append(j.batch.Entries, e)
	}
}

// entry makes an entry of an advisory, or of patches without one.
func (j *joiner) entry(xsa int, files []*loose) *Entry {
	e := &Entry{XSA: xsa, Name: xsaName(xsa)}
	if versions := j.advisories[xsa]; len(versions) > 0 {
		return advisoryEntry(versions[0])
	}
	slices.SortStableFunc(files, func(a, b *loose) int { return compareNatural(a.short, b.short) })
	var metas []Recipe
	var names []string
	for _, f := range files {
		if f.kind == kindMeta {
			metas = append(metas, f.meta.recipes...)
			continue
		}
		if !e.addFile(f.short, f.data) {
			if have, _ := e.Patch(f.short); !bytes.Equal(have, f.data) {
				j.warn("%s: there is another, different %s; it is left out", f.where, f.short)
			}
			continue
		}
		names = append(names, f.short)
		e.cves = distinct(append(e.cves, f.cves...))
	}
	e.Recipes = makeRecipes(metas, nil, names)
	return e
}

// advisoryEntry makes an entry of what came with one advisory.
func advisoryEntry(a *Advisory) *Entry {
	e := &Entry{XSA: a.XSA, Name: xsaName(a.XSA), Advisory: a, Recipes: a.Recipes}
	for _, f := range a.Attachments {
		if !isMetaName(f.Name) {
			e.addFile(f.Name, f.Data)
		}
	}
	return e
}

func xsaName(xsa int) string { return fmt.Sprintf("XSA-%d", xsa) }
