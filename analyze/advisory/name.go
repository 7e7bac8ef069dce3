package advisory

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// cleanName checks a name from outside: relative, with slashes, never leaving
// its folder, free of control characters. It drops a leading "./".
func cleanName(name string) (string, error) {
	clean := strings.TrimPrefix(name, "./")
	bad := func(why string) (string, error) { return "", fmt.Errorf("the name %q %s", name, why) }
	switch {
	case clean == "" || clean == ".":
		return bad("is empty")
	case len(clean) > 1024:
		return "", fmt.Errorf("a name of %d bytes is too long", len(clean))
	case strings.HasPrefix(clean, "/") || len(clean) > 1 && clean[1] == ':':
		return bad("is absolute")
	case strings.ContainsFunc(clean, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }):
		return bad("holds a backslash or control character")
	case !fs.ValidPath(clean):
		return bad("leaves its folder")
	}
	return clean, nil
}

// packedSuffix lists the endings of compressed files.
var packedSuffix = []string{".gz", ".xz", ".zst", ".bz2"}

// unpackedName is the name of a compressed file without its compression.
func unpackedName(name string) string {
	lower := strings.ToLower(name)
	for _, suffix := range packedSuffix {
		if strings.HasSuffix(lower, suffix) {
			return name[:len(name)-len(suffix)]
		}
	}
	for _, suffix := range []string{".tgz", ".txz", ".tzst", ".tbz", ".tbz2"} {
		if strings.HasSuffix(lower, suffix) {
			return name[:len(name)-len(suffix)] + ".tar"
		}
	}
	return name
}

// A label is what the name of a patch file says about it.
type label struct {
	xsa     int     // 0 where it names none
	release release // 0 where it names none
	tree    string  // "xen" unless it names another
}

var (
	xsaInName     = regexp.MustCompile(`(?i)(?:^|[^a-z0-9])xsa-?(\d{1,5})(?:[^0-9]|$)`)
	xsaFolder     = regexp.MustCompile(`(?i)^xsa-?\d{1,5}(?:[-_][a-z0-9.]+)?$`)
	releaseFolder = regexp.MustCompile(`(?i)^(?:xen-)?(\d{1,2}\.\d{1,2})(?:\.(?:\d{1,2}|x))?$`)
	releaseAtEnd  = regexp.MustCompile(`[-_]v?(\d{1,2}\.\d{1,2})(?:\.(?:\d{1,2}|x))?$`)
	releaseInName = regexp.MustCompile(`(?i)(?:^|[-_])(?:(?:xen|staging|stable)[-_]?)?v?(\d{1,2}\.\d{1,2})(?:\.(?:\d{1,2}|x))?(?:$|[-_])`)
	unstableName  = regexp.MustCompile(`(?i)(?:^|[-_])(?:unstable|master|staging)(?:$|[-_])`)
	patchSuffix   = regexp.MustCompile(`(?i)(?:\.(?:patch|diff|txt|eml|mbox))+$`)
)

// readLabel reads names such as xsa480-4.17.patch, xsa492/xsa492-4.17-01.patch,
// xsa286-4.13/0001-fix.patch, xsa155-linux.patch, 0012-xsa480.patch or
// 4.17/xsa480.patch. What the file's own name lacks is looked for in the names
// of its folders.
func readLabel(name string) label {
	l := label{tree: "xen"}
	stem := patchSuffix.ReplaceAllString(unpackedName(path.Base(name)), "")
	if m := releaseAtEnd.FindStringSubmatch(stem); m != nil && !xsaInName.MatchString(stem) {
		l.release, _ = parseRelease(m[1])
	}
	for folder := path.Dir(name); ; folder, stem = path.Dir(folder), path.Base(folder) {
		if m := xsaInName.FindStringSubmatchIndex(stem); m != nil && l.xsa == 0 {
			l.xsa, _ = strconv.Atoi(stem[m[2]:m[3]])
			l.readRest(stem[m[3]:])
		} else if m := releaseFolder.FindStringSubmatch(stem); m != nil && l.release == 0 {
			l.release, _ = parseRelease(m[1])
		}
		if stem == "." || stem == "/" {
			return l
		}
	}
}

// readRest reads what follows the number of the XSA: tree and release.
func (l *label) readRest(rest string) {
	if l.tree == "xen" {
		if tree := treeAt(strings.TrimLeft(rest, "-_.")); tree != "" {
			l.tree = tree
		}
	}
	if l.release != 0 {
		return
	}
	if m := releaseInName.FindStringSubmatch(rest); m != nil {
		l.release, _ = parseRelease(m[1])
	} else if unstableName.MatchString(rest) {
		l.release = unstable
	}
}

// shortName cuts a path down to the name that an advisory would use: the file,
// with its folder where that is named for an XSA or a release.
func shortName(name string) string {
	if folder := path.Base(path.Dir(name)); xsaFolder.MatchString(folder) || releaseFolder.MatchString(folder) {
		return folder + "/" + path.Base(name)
	}
	return path.Base(name)
}

// A nameIndex finds file names in the order in which they were added.
type nameIndex struct {
	exact map[string]int
	base  map[string][]string
	n     int
}

func (x *nameIndex) add(name string) {
	if x.exact == nil {
		x.exact, x.base = map[string]int{}, map[string][]string{}
	}
	if _, ok := x.exact[name]; !ok {
		x.exact[name] = x.n
		x.base[path.Base(name)] = append(x.base[path.Base(name)], name)
	}
	x.n++
}

// find returns the number of name, else of the only name that has the same
// base name where one of the two has no folder. It returns -1 for none.
func (x *nameIndex) find(name string) int {
	if i, ok := x.exact[name]; ok {
		return i
	}
	found := -1
	for _, n := range x.base[path.Base(name)] {
		if !mayDropFolder(name, n) {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = x.exact[n]
	}
	return found
}

// mayDropFolder tells whether two names with the same last part can mean one
// file: one of them has no folder, and that of the other is not a release,
// where 4.17/fix.patch and 4.18/fix.patch differ.
func mayDropFolder(a, b string) bool {
	folderA, folderB := path.Dir(a), path.Dir(b)
	if folderA != "." {
		folderA, folderB = folderB, folderA
	}
	return folderA == "." && !releaseFolder.MatchString(folderB)
}

// matchGlob tells whether a shell glob of a recipe means the file name. A
// pattern with a folder also means a file without one, as mails name them,
// provided that the pattern's last part begins with something literal.
func matchGlob(pattern, name string) bool {
	if ok, _ := path.Match(pattern, name); ok {
		return true
	}
	base := path.Base(pattern)
	if !mayDropFolder(pattern, name) || strings.ContainsAny(base[:1], "?*[") {
		return false
	}
	ok, _ := path.Match(base, path.Base(name))
	return ok
}

// compareNatural orders names as people number them: 2 before 10.
func compareNatural(a, b string) int {
	whole := cmp.Compare(a, b)
	for a != "" && b != "" {
		if isDigit(a[0]) && isDigit(b[0]) {
			na, ra := cutNumber(a)
			nb, rb := cutNumber(b)
			if c := cmp.Or(cmp.Compare(len(na), len(nb)), cmp.Compare(na, nb)); c != 0 {
				return c
			}
			a, b = ra, rb
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Or(cmp.Compare(len(a), len(b)), whole)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// cutNumber cuts the digits that s begins with, without leading zeros.
func cutNumber(s string) (number, rest string) {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return strings.TrimLeft(s[:n], "0"), s[n:]
}
