package advisory

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Where a recipe came from.
const (
	FromMeta       = "meta"       // the .meta file
	FromResolution = "resolution" // the RESOLUTION of the text
	FromName       = "name"       // the names of the patch files
)

// A Recipe is the ordered patches of an advisory for a Xen version.
type Recipe struct {
	Xen       string   // "4.17", "unstable", a range such as "unstable - 4.16"; empty where the version plays no part
	Tree      string   // "xen", "qemu-xen", "qemu-traditional", "linux", "mini-os" ...
	StableRef string   // commit of the stable branch on which the patches apply, where known
	Prereqs   []int    // XSAs to be applied first
	Patches   []string // file names in order; a glob where no file is known that fits it
	From      string   // one of the From constants

	span span
}

// Covers tells whether the recipe was made for the Xen version, given as
// "4.17", "4.17.5" or "unstable".
func (r Recipe) Covers(xen string) bool {
	rel, _ := parseRelease(xen)
	return r.span.covers(rel)
}

// at is the recipe as it counts for one release.
func (r Recipe) at(rel release) Recipe {
	if r.span != anyRelease {
		r.span, r.Xen = span{rel, rel}, rel.String()
	}
	return r
}

// A mapping is a line of the RESOLUTION: a file or glob and what it is for.
type mapping struct {
	pattern string
	coverage
}

var (
	mapName   = regexp.MustCompile(`^\s*([^\s:,;()<>"'$]+\.(?:patch|diff)(?:\.(?:gz|xz|bz2|zst))?|[^\s:,;()<>"'$]*xsa-?\d+[^\s:,;()<>"'$]*[*?][^\s:,;()<>"'$]*)(\s+|$)(.*)$`)
	promptRow = regexp.MustCompile(`^\s*\$(\s|$)`)
)

// readMap reads the RESOLUTION. A line is a file or glob, and versions; lines
// that only go on with versions belong to the one before.
func (a *Advisory) readMap() {
	var pattern, versions string
	flush := func() {
		if pattern != "" {
			a.addMapping(pattern, versions)
		}
		pattern, versions = "", ""
	}
	for line := range strings.SplitSeq(a.Resolution, "\n") {
		if promptRow.MatchString(line) || sumLine.MatchString(line) {
			break
		}
		if m := mapName.FindStringSubmatch(line); m != nil && isMapLine(m[2], m[3]) {
			flush()
			pattern, versions = m[1], m[3]
			continue
		}
		c := parseCoverage(line)
		switch {
		case strings.TrimSpace(line) == "":
			flush()
		case pattern != "" && strings.TrimLeft(line, " \t") != line && (len(c.spans) > 0 || c.tree != "xen" || versions == ""):
			versions += " " + strings.TrimSpace(line)
		default:
			flush()
		}
	}
	flush()
	if len(a.mappings) == 0 && strings.Contains(a.Resolution, ".patch") {
		a.warn("RESOLUTION: it names patches, but no map of files to Xen versions was understood")
	}
}

// isMapLine tells a line of the map from a sentence that begins with a file name.
func isMapLine(gap, rest string) bool {
	if rest == "" || len(gap) > 1 || gap == "\t" {
		return true
	}
	c := parseCoverage(rest)
	return len(c.odd) == 0 && (len(c.spans) > 0 || c.tree != "xen")
}

func (a *Advisory) addMapping(pattern, versions string) {
	name, err := cleanName(pattern)
	if err == nil {
		_, err = path.Match(name, "")
	}
	if err != nil {
		a.warn("RESOLUTION: %v", err)
		return
	}
	if len(a.mappings) == maxMapping {
		a.warn("RESOLUTION: more than %d lines map files to versions; the rest is left out", maxMapping)
		return
	}
	m := mapping{name, parseCoverage(versions)}
	if m.tree == "xen" {
		if tree := readLabel(name).tree; tree != "xen" {
			m.tree = tree
		}
	}
	if m.tree == "xen" && len(m.spans) == 0 {
		a.warn("RESOLUTION: no Xen version understood for %s: %q", name, strings.TrimSpace(versions))
		return
	}
	if len(m.odd) > 0 && m.tree == "xen" {
		a.warn("RESOLUTION: %s: %q is not understood in %q", name, strings.Join(m.odd, " "), strings.TrimSpace(versions))
	}
	a.mappings = append(a.mappings, m)
}

// A meta is a .meta file.
type meta struct {
	xsa     int
	recipes []Recipe
}

// Limits of .meta files and of the RESOLUTION, far above what is usual.
const (
	maxMeta     = 1 << 20 // bytes
	maxPatterns = 2000    // file names and globs in all recipes of a .meta file
	maxMapping  = 500     // lines of the map
)

// parseMeta reads a .meta file: the recipes by Xen version and tree. Unknown
// keys are left alone. Errors name the file.
func parseMeta(name string, data []byte) (*meta, error) {
	if len(data) > maxMeta {
		return nil, fmt.Errorf("%s: a .meta file of more than %d bytes", name, maxMeta)
	}
	var raw struct {
		XSA     int
		Recipes map[string]struct {
			Recipes map[string]struct {
				StableRef string
				Prereqs   []int
				Patches   []string
			}
		}
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("%s: not a .meta file: %w", name, err)
	}
	if raw.XSA <= 0 {
		return nil, fmt.Errorf("%s: a .meta file names its advisory as \"XSA\"", name)
	}
	m := &meta{xsa: raw.XSA}
	patterns := 0
	for version, v := range raw.Recipes {
		rel, ok := parseRelease(version)
		if !ok {
			return nil, fmt.Errorf("%s: %q is not a Xen version", name, version)
		}
		for tree, r := range v.Recipes {
			if patterns += len(r.Patches); patterns > maxPatterns {
				return nil, fmt.Errorf("%s: more than %d patches", name, maxPatterns)
			}
			for i, p := range r.Patches {
				clean, err := cleanName(p)
				if err == nil {
					_, err = path.Match(clean, "")
				}
				if err != nil {
					return nil, fmt.Errorf("%s: recipe for %s: %w", name, version, err)
				}
				r.Patches[i] = clean
			}
			m.recipes = append(m.recipes, Recipe{Xen: rel.String(), Tree: tree, StableRef: r.StableRef,
				Prereqs: r.Prereqs, Patches: r.Patches, From: FromMeta, span: span{rel, rel}})
		}
	}
	slices.SortFunc(m.recipes, compareRecipes)
	return m, nil
}

// compareRecipes puts newer releases first and Xen's own tree before others.
// It leaves no two different recipes equal, for they come out of maps.
func compareRecipes(a, b Recipe) int {
	return cmp.Or(cmp.Compare(b.span.to, a.span.to), cmp.Compare(b.span.from, a.span.from),
		compareTrees(a.Tree, b.Tree), slices.Compare(a.Patches, b.Patches), cmp.Compare(a.StableRef, b.StableRef), slices.Compare(a.Prereqs, b.Prereqs))
}

func compareTrees(a, b string) int {
	if (a == "xen") != (b == "xen") {
		if a == "xen" {
			return -1
		}
		return 1
	}
	return cmp.Compare(a, b)
}

// makeRecipes joins the three sources: the .meta recipes first, then the map,
// then the names of those patches that neither of them uses. Globs are
// expanded over files, the names of all known patches.
func makeRecipes(metas []Recipe, maps []mapping, files []string) []Recipe {
	var out []Recipe
	for _, r := range metas {
		r.Patches = expand(r.Patches, files)
		out = append(out, r)
	}
	out = append(out, mapRecipes(maps, files)...)
	used := map[string]bool{}
	for _, r := range out {
		for _, p := range r.Patches {
			used[p] = true
		}
	}
	rest := slices.DeleteFunc(slices.Clone(files), func(f string) bool { return used[f] })
	return append(out, nameRecipes(rest, len(out) == 0)...)
}

// mapRecipes turns the lines of the map, which may overlap, into recipes with
// one range each.
func mapRecipes(lines []mapping, files []string) []Recipe {
	trees := map[string]bool{}
	for _, m := range lines {
		trees[m.tree] = true
	}
	names := make([][]string, len(lines)) // of the files that a line means
	for i, m := range lines {
		names[i] = expand([]string{m.pattern}, files)
	}
	var out []Recipe
	for _, tree := range slices.SortedFunc(maps.Keys(trees), compareTrees) {
		var pieces []Recipe
		for _, s := range pieceSpans(lines, tree) {
			r := Recipe{Xen: s.String(), Tree: tree, From: FromResolution, span: s}
			for i, m := range lines {
				if m.tree == tree && (len(m.spans) == 0 || slices.ContainsFunc(m.spans, func(o span) bool { return o.covers(s.from) })) {
					r.Patches = append(r.Patches, names[i]...)
				}
			}
			if r.Patches = distinct(r.Patches); len(r.Patches) > 0 {
				pieces = append(pieces, r)
			}
		}
		out = append(out, mergePieces(pieces)...)
	}
	return out
}

// pieceSpans cuts the ranges of a tree's lines into pieces that no range
// begins or ends within, newest first.
func pieceSpans(lines []mapping, tree string) []span {
	cuts := map[release]bool{}
	for _, m := range lines {
		for _, s := range m.spans {
			if m.tree == tree {
				cuts[s.from], cuts[s.to+1] = true, true
			}
		}
	}
	if len(cuts) == 0 {
		return []span{anyRelease}
	}
	at := slices.Sorted(maps.Keys(cuts))
	var out []span
	for i := len(at) - 1; i > 0; i-- {
		out = append(out, span{at[i-1], at[i] - 1})
	}
	return out
}

// mergePieces joins neighbouring pieces with the same patches.
func mergePieces(pieces []Recipe) []Recipe {
	var out []Recipe
	for _, r := range pieces {
		if n := len(out) - 1; n >= 0 && out[n].span.from == r.span.to+1 && slices.Equal(out[n].Patches, r.Patches) {
			out[n].span.from = r.span.from
			out[n].Xen = out[n].span.String()
			continue
		}
		out = append(out, r)
	}
	return out
}

// nameRecipes makes recipes of patches by nothing but their names. A single
// set without a version is taken for every version when it stands alone, else
// for the development branch.
func nameRecipes(files []string, alone bool) []Recipe {
	type group struct {
		tree string
		rel  release
	}
	sets := map[group][]string{}
	for _, f := range files {
		l := readLabel(f)
		g := group{l.tree, l.release}
		sets[g] = append(sets[g], f)
	}
	var out []Recipe
	for g, names := range sets {
		slices.SortFunc(names, compareNatural)
		s := span{g.rel, g.rel}
		only := alone
		for other := range sets {
			only = only && (other == g || other.tree != g.tree)
		}
		if g.rel == 0 && !only && g.tree == "xen" {
			s = span{unstable, unstable}
		}
		out = append(out, Recipe{Xen: s.String(), Tree: g.tree, Patches: names, From: FromName, span: s})
	}
	slices.SortFunc(out, compareRecipes)
	return out
}

// expand replaces globs by the files that they match, in natural order. What
// matches nothing stays, so that it is seen to be missing.
func expand(patterns, files []string) []string {
	var out []string
	for _, p := range patterns {
		var hits []string
		for _, f := range files {
			if f == p || matchGlob(p, f) {
				hits = append(hits, f)
			}
		}
		if slices.Contains(hits, p) {
			hits = []string{p}
		}
		slices.SortFunc(hits, compareNatural)
		if len(hits) == 0 {
			hits = []string{p}
		}
		out = append(out, hits...)
	}
	return distinct(out)
}

func isMetaName(name string) bool { return strings.HasSuffix(strings.ToLower(name), ".meta") }

func isPatchName(name string) bool {
	base := strings.ToLower(unpackedName(name))
	return strings.HasSuffix(base, ".patch") || strings.HasSuffix(base, ".diff")
}
