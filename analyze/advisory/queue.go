package advisory

import (
	"bufio"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// seriesName is the file that makes a folder a queue.
const seriesName = "series"

// A seriesLine is a line of a series file that names a patch.
type seriesLine struct {
	line int // 1-based
	name string
}

// parseSeries reads a series file as quilt writes it: a patch per line, in
// order; empty lines and comments are passed over, and so is the option -p1.
// Every other option is an error, for the patch would mean something else.
func parseSeries(where string, data []byte) ([]seriesLine, error) {
	var out []seriesLine
	scan := bufio.NewScanner(strings.NewReader(string(data)))
	for n := 1; scan.Scan(); n++ {
		text, _, _ := strings.Cut(scan.Text(), " #")
		fields := strings.Fields(text)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		name, err := cleanName(fields[0])
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", where, n, err)
		}
		for _, option := range fields[1:] {
			if option != "-p1" && option != "-p" && option != "1" {
				return nil, fmt.Errorf("%s:%d: the option %s is not known, only -p1 is", where, n, strconv.Quote(option))
			}
		}
		out = append(out, seriesLine{n, name})
	}
	if err := scan.Err(); err != nil {
		return nil, fmt.Errorf("%s: a line is too long: %w", where, err)
	}
	return out, nil
}

// addQueues makes entries of the queues of one argument and returns the names
// of the leaves that they use, and the folders that they rule.
func (j *joiner) addQueues(leaves []leaf) (used map[string]bool) {
	used = map[string]bool{}
	patches := map[string]leaf{}
	for _, l := range leaves {
		if l.kind == kindPatch {
			patches[l.name] = l
		}
	}
	for _, l := range leaves {
		if l.kind != kindSeries {
			continue
		}
		lines, err := parseSeries(l.where, l.data)
		if err != nil {
			j.warn("%v; the order of the queue is lost", err)
			continue
		}
		j.batch.Queue = true
		folder := path.Dir(l.name)
		for _, line := range lines {
			patch, ok := patches[path.Join(folder, line.name)]
			if !ok {
				patch, ok = patches[path.Join(folder, unpackedName(line.name))]
			}
			if !ok {
				j.warn("%s:%d: the patch %s is not there", l.where, line.line, line.name)
				continue
			}
			used[patch.name] = true
			j.enqueue(newLoose(patch, unpackedName(line.name)))
		}
		j.leaveOut(leaves, folder, l.where, used)
	}
	return used
}

// enqueue adds a patch to the queue; one XSA's patches in a row are one entry.
func (j *joiner) enqueue(f *loose) {
	j.checkNumber(f)
	last := len(j.queue) - 1
	if f.label.xsa == 0 || last < 0 || j.queue[last].XSA != f.label.xsa {
		e := &Entry{XSA: f.label.xsa, Name: path.Base(f.short), Context: f.label.xsa == 0}
		if !e.Context {
			e.Name = xsaName(e.XSA)
		}
		j.queue = append(j.queue, e)
		last++
	}
	e := j.queue[last]
	e.addFile(f.short, f.data)
	e.cves = distinct(append(e.cves, f.cves...))
	if e.XSA != 0 && len(j.advisories[e.XSA]) > 0 {
		j.loose = append(j.loose, f) // the advisory may list its checksum
	}
}

// leaveOut warns of patches in a queue's folder that its series does not name,
// unless an advisory lists them.
func (j *joiner) leaveOut(leaves []leaf, folder, series string, used map[string]bool) {
	for _, l := range leaves {
		if l.kind != kindPatch || used[l.name] || folder != "." && !strings.HasPrefix(l.name, folder+"/") {
			continue
		}
		short := shortName(l.name)
		listed := func(a *Advisory) bool { _, ok := a.listed(short); return ok }
		if slices.ContainsFunc(j.advisories[readLabel(l.name).xsa], listed) {
			continue
		}
		used[l.name] = true
		j.warn("%s: not named in %s, left out", l.where, series)
	}
}

// adopt gives an entry of a queue what else is there of its XSA: the advisory,
// and recipes for other versions behind its own. A file of the queue goes
// before another of its name.
func (e *Entry) adopt(other *Entry) {
	own := &e.Recipes[0]
	for _, r := range other.Recipes {
		if r.Tree == own.Tree && own.span != anyRelease && r.span.covers(own.span.to) && sameFiles(r.Patches, own.Patches) {
			own.StableRef, own.Prereqs, own.From = r.StableRef, r.Prereqs, r.From
			break
		}
	}
	e.Advisory = other.Advisory
	e.Recipes = append(e.Recipes, other.Recipes...)
	e.cves = distinct(append(e.cves, other.cves...))
	for _, f := range other.files {
		e.addFile(f.Name, f.Data)
	}
}

// queueRecipe is the recipe of patches whose order is given: all of them, for
// the one release that their names agree on, else for every release.
func queueRecipe(files []NamedData) Recipe {
	r := Recipe{Tree: "xen", From: FromName}
	releases, trees := map[release]bool{}, map[string]bool{}
	for _, f := range files {
		l := readLabel(f.Name)
		if trees[l.tree] = true; l.release != 0 && l.xsa != 0 {
			releases[l.release] = true
		}
		r.Patches = append(r.Patches, f.Name)
		r.Tree = l.tree
	}
	if len(trees) > 1 {
		r.Tree = "xen"
	}
	for rel := range releases {
		if len(releases) == 1 {
			r.span, r.Xen = span{rel, rel}, rel.String()
		}
	}
	return r
}

func sameFiles(a, b []string) bool {
	return slices.EqualFunc(a, b, func(x, y string) bool { return path.Base(x) == path.Base(y) })
}
