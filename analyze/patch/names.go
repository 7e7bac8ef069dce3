package patch

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
)

const devNull = "/dev/null"

// names sets the names of a file from the raw header lines, not from what
// go-gitdiff makes of them: it keeps the prefix of plain diffs.
func (p *parser) names(sec *section, g *gitdiff.File, f *File) error {
	old, new, err := rawNames(sec, g)
	if err != nil {
		return p.errorf(sec.line, "%w", err)
	}
	strip := old != g.OldName // git writes renames without the prefix
	if !g.IsRename && !g.IsCopy {
		strip = p.strips(old, new)
	}
	f.Bare = !strip
	if g.IsNew || isEpoch(sec.old) {
		old = devNull
	}
	if g.IsDelete || isEpoch(sec.new) {
		new = devNull
	}
	if f.OldName, err = clean(old, strip); err == nil {
		f.NewName, err = clean(new, strip)
	}
	if err != nil {
		return p.errorf(sec.line, "%w", err)
	}
	if f.OldName == "" && f.NewName == "" {
		return p.errorf(sec.line, "expected a file name, found %s twice", devNull)
	}
	f.New, f.Deleted = f.OldName == "", f.NewName == ""
	return nil
}

// rawNames finds the two names with their prefixes, or /dev/null.
func rawNames(sec *section, g *gitdiff.File) (old, new string, err error) {
	if sec.old != "" && sec.new != "" {
		if old, err = headerName(sec.old); err != nil {
			return "", "", err
		}
		if new, err = headerName(sec.new); err != nil {
			return "", "", err
		}
		if sec.git == "" && !strings.Contains(old+new, "/") && sec.index != "" {
			return sec.index, sec.index, nil
		}
		return old, new, nil
	}
	return gitLineNames(sec.git, g)
}

// headerName is the name in the rest of a --- or +++ line: quoted as C, or up
// to a tab, without the white space at its end.
func headerName(s string) (string, error) {
	if strings.HasPrefix(s, `"`) {
		name, _, err := unquote(s)
		return name, err
	}
	name, _, _ := strings.Cut(s, "\t")
	name = strings.TrimSpace(name)
	if name == "" {
		return "", errors.New("expected a file name, found none")
	}
	return name, nil
}

// gitLineNames splits "diff --git a/x b/x", where names may have spaces: the
// halves end in the same name, or in those of a rename or copy.
func gitLineNames(line string, g *gitdiff.File) (old, new string, err error) {
	rest := strings.TrimPrefix(line, "diff --git ")
	if strings.HasPrefix(rest, `"`) {
		if old, rest, err = unquote(rest); err != nil {
			return "", "", err
		}
		new = strings.TrimLeft(rest, " ")
		if strings.HasPrefix(new, `"`) {
			new, _, err = unquote(new)
		}
		return old, new, err
	}
	if i := strings.Index(rest, ` "`); i > 0 {
		new, _, err = unquote(rest[i+1:])
		return rest[:i], new, err
	}
	for i := range len(rest) {
		if rest[i] != ' ' {
			continue
		}
		old, new = rest[:i], rest[i+1:]
		if g.IsRename || g.IsCopy {
			if strings.HasSuffix(old, g.OldName) && strings.HasSuffix(new, g.NewName) {
				return old, new, nil
			}
		} else if old == new || afterSlash(old) == afterSlash(new) {
			return old, new, nil
		}
	}
	return "", "", fmt.Errorf("expected two names after diff --git, found %q", excerpt(rest))
}

func afterSlash(name string) string {
	_, rest, _ := strings.Cut(name, "/")
	return rest
}

// unquote reads a C string with octal escapes as git and diff write it.
func unquote(s string) (name, rest string, err error) {
	bad := fmt.Errorf("expected a quoted file name, found %s", excerpt(s))
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; c {
		case '"':
			return b.String(), s[i+1:], nil
		case '\\':
			i++
			if i >= len(s) {
				return "", "", bad
			}
			if j := strings.IndexByte(`abfnrtv\"`, s[i]); j >= 0 {
				b.WriteByte("\a\b\f\n\r\t\v\\\""[j])
				continue
			}
			if i+2 >= len(s) || s[i] > '3' || !isOctal(s[i]) || !isOctal(s[i+1]) || !isOctal(s[i+2]) {
				return "", "", bad
			}
			b.WriteByte((s[i]-'0')<<6 | (s[i+1]-'0')<<3 | (s[i+2] - '0'))
			i += 2
		default:
			b.WriteByte(c)
		}
	}
	return "", "", bad
}

func isOctal(c byte) bool { return '0' <= c && c <= '7' }

// isEpoch tells whether a --- or +++ line has the timestamp with which diff -N
// marks a missing file. As GNU patch does, it allows for any time zone.
func isEpoch(s string) bool {
	_, stamp, ok := strings.Cut(s, "\t")
	if !ok {
		return false
	}
	for _, layout := range []string{"2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05", time.ANSIC} {
		if t, err := time.Parse(layout, strings.TrimSpace(stamp)); err == nil {
			return -25*3600 < t.Unix() && t.Unix() < 26*3600
		}
	}
	return false
}

// strips decides whether -p1 is meant, that is whether the first part of the
// names is a prefix that diff made (a/, xen-4.17.orig/) rather than a folder of
// the tree. What it learns from one file holds for the rest of the patch file.
func (p *parser) strips(old, new string) bool {
	if old == devNull {
		old = new
	} else if new == devNull {
		new = old
	}
	first, rest, ok := strings.Cut(old, "/")
	second, _, ok2 := strings.Cut(new, "/")
	if !ok || !ok2 {
		return false
	}
	strip, known := p.prefixes[first]
	if !known {
		strip = first != second || isPrefix(first) || strings.HasPrefix(rest, first+"/")
		if p.prefixes == nil {
			p.prefixes = map[string]bool{}
		}
		p.prefixes[first], p.prefixes[second] = strip, strip
	}
	return strip
}

// isPrefix recognises the prefixes of git (a/ b/ c/ i/ o/ w/ 1/ 2/) and folders
// that carry a version or a suffix, as xen-4.17.3 and xen.orig.
func isPrefix(part string) bool {
	if len(part) == 1 {
		return strings.Contains("abciow12.", part)
	}
	return strings.HasSuffix(part, ".orig") || strings.HasSuffix(part, ".new") || strings.HasSuffix(part, ".old") ||
		strings.ContainsAny(part, "0123456789") && strings.ContainsAny(part, "-.")
}

// clean takes the prefix off a name and refuses one that leads out of the tree.
func clean(name string, strip bool) (string, error) {
	if name == devNull {
		return "", nil
	}
	raw := name
	if strings.HasPrefix(name, "/") {
		return "", fmt.Errorf("expected a name relative to the tree, found %q", excerpt(raw))
	}
	if strings.Contains("/"+name+"/", "/../") {
		return "", fmt.Errorf("expected a name within the tree, found %q", excerpt(raw))
	}
	if strip {
		name = strings.TrimLeft(afterSlash(name), "/")
	}
	name = path.Clean(name)
	if name == "." || !fs.ValidPath(name) || strings.IndexByte(name, 0) >= 0 {
		return "", fmt.Errorf("expected a file name, found %q", excerpt(raw))
	}
	return name, nil
}
