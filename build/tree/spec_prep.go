package tree

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// prep is what %prep did so far.
type prep struct {
	unpacked bool
	applied  map[int]bool
	inShell  int    // open if, for, while, case of the shell
	moved    string // a command that went to another folder
}

var (
	prepMacro = regexp.MustCompile(`^%(setup|autosetup|autopatch|patch)([0-9]*)(\s.*)?$`)
	anyMacro  = regexp.MustCompile(`%\{?[!?]*\{?(setup|autosetup|autopatch|patch)([0-9]|\b)`)
	// What applies patches without %patch. A word is not part of a file's name.
	patching = regexp.MustCompile(`(^|[\s;|&(])([^\s;|&(]*/)?(patch|quilt|guilt|apply-patches|gitpatch)([\s;|&)]|$)|\bgit\s+([^;|&]*\s)?(am|apply|cherry-pick|revert|reset|checkout)\b|%\{?__(scm_|patch\b|git\b)`)
	ofSource = regexp.MustCompile(`^%\{?SOURCE[0-9]+`)
	// What hands a patch to a program other than those that only move files.
	ofPatch = regexp.MustCompile(`%\{?(PATCH[0-9]|P:)`)
	moving  = regexp.MustCompile(`^(cp|install|ln|mv|%\{?__(cp|install|ln_s|mv)\}?) [^;|&]*$`)
)

// prepare reads a line of %prep.
func (p *specParser) prepare(line string) error {
	if line == "" {
		return nil
	}
	p.shell(line)
	m := prepMacro.FindStringSubmatch(line)
	if m == nil {
		return p.command(line)
	}
	switch {
	case p.doubt != "":
		return p.unsure(clip(line))
	case p.prep.inShell > 0:
		return p.errorf("%s: it hangs on a condition of the shell", clip(line))
	case p.prep.moved != "" && m[1] != "setup":
		return p.errorf("%s: in the folder that %q went to; expected the top of the source", clip(line), clip(p.prep.moved))
	}
	r, err := p.expand(m[3])
	if err != nil {
		return p.errorf("%w", err)
	}
	words := strings.Fields(r.text)
	switch m[1] {
	case "setup", "autosetup":
		return p.setup(m[1], words, r)
	case "autopatch":
		return p.autopatch(words, r)
	}
	return p.patch(m[2], words, r)
}

// command is a line of the shell. It is not followed.
func (p *specParser) command(line string) error {
	if anyMacro.MatchString(strings.ReplaceAll(line, "%%", "")) || patching.MatchString(line) || ofSource.MatchString(line) || ofPatch.MatchString(line) && !moving.MatchString(line) {
		return p.errorf("%s: a command that may apply patches; expected %%autosetup, %%autopatch or %%patch on a line of its own", clip(line))
	}
	r, err := p.expand(line)
	if err != nil {
		return p.errorf("%w", err)
	}
	if r.known() && strings.TrimSpace(r.text) == "" {
		return nil
	}
	if patching.MatchString(r.text) {
		return p.errorf("%s: a command that may apply patches: %s", clip(line), clip(r.text))
	}
	if first := strings.Fields(r.text); len(first) > 0 && (first[0] == "cd" || first[0] == "pushd") {
		p.prep.moved = line
	}
	if harmless.MatchString(r.text) {
		return nil
	}
	p.warnf("%%prep runs a command that is not followed: %s", clip(line))
	return nil
}

// harmless are lines that say how the shell runs, and ends of its blocks.
var harmless = regexp.MustCompile(`^\s*(set [-+][A-Za-z]+|fi|done|esac|else|then|do|:|true|umask [0-9]+)\s*$`)

// shell counts the blocks of the shell that are open after a line.
func (p *specParser) shell(line string) {
	words := strings.FieldsFunc(line, func(c rune) bool { return c == ' ' || c == '\t' || c == ';' })
	for i, w := range words {
		switch w {
		case "if", "for", "while", "until", "case":
			if i == 0 || slices.Contains([]string{"then", "do", "else"}, words[i-1]) {
				p.prep.inShell++
			}
		case "fi", "done", "esac":
			p.prep.inShell = max(0, p.prep.inShell-1)
		}
	}
}

// options reads short options as getopt(3) does: letters of takes have a value,
// letters of flags have none. Others are errors, and so are unknown words.
func (p *specParser) options(what string, words []string, r reading, takes, flags string) (map[byte][]string, []string, error) {
	if !r.known() {
		return nil, nil, p.errorf("%%%s: not known here: %s; define it", what, r.why())
	}
	found, rest := map[byte][]string{}, []string(nil)
	for i := 0; i < len(words); i++ {
		w := words[i]
		if len(w) < 2 || w[0] != '-' {
			rest = append(rest, w)
			continue
		}
		for j := 1; j < len(w); j++ {
			switch letter := w[j]; {
			case strings.IndexByte(flags, letter) >= 0:
				found[letter] = append(found[letter], "")
				continue
			case strings.IndexByte(takes, letter) < 0:
				return nil, nil, p.errorf("%%%s: option %s is not followed", what, w)
			case j+1 < len(w):
				found[letter] = append(found[letter], w[j+1:])
			case i+1 < len(words):
				i++
				found[letter] = append(found[letter], words[i])
			default:
				return nil, nil, p.errorf("%%%s: option %s without a value", what, w)
			}
			break
		}
	}
	return found, rest, nil
}

// setup is %setup and %autosetup.
func (p *specParser) setup(what string, words []string, r reading) error {
	// The name of the top folder does not matter here, and may be unknown.
	if i := slices.Index(words, "-n"); i >= 0 && i+1 < len(words) {
		words = slices.Delete(slices.Clone(words), i, i+2)
		var err error
		if r, err = p.expand(strings.Join(words, " ")); err != nil {
			return p.errorf("%w", err)
		}
	}
	takes, flags := "abn", "cDqTv"
	if what == "autosetup" {
		takes, flags = "abnpS", "cDTvN"
	}
	opts, _, err := p.options(what, words, r, takes, flags)
	if err != nil {
		return err
	}
	switch {
	case opts['T'] != nil && !slices.Contains(append(opts['a'], opts['b']...), "0"):
		if !p.prep.unpacked {
			return p.errorf("%%%s -T: it does not unpack Source0", what)
		}
	case p.prep.unpacked:
		return p.errorf("%%%s: a second one; what was unpacked before is lost", what)
	default:
		p.prep.unpacked, p.prep.applied = true, map[int]bool{}
	}
	for _, n := range append(opts['a'], opts['b']...) {
		if n != "0" {
			p.warnf("Source%s is unpacked besides, which is not followed", n)
		}
	}
	if what == "setup" || opts['N'] != nil {
		return nil
	}
	return p.all(what, opts, nil)
}

// autopatch is %autopatch [-m number] [-M number] [number...].
func (p *specParser) autopatch(words []string, r reading) error {
	opts, numbers, err := p.options("autopatch", words, r, "pmM", "vq")
	if err != nil {
		return err
	}
	return p.all("autopatch", opts, numbers)
}

// all applies the declared patches in the order in which they were declared, as
// %autopatch does, or those that are named.
func (p *specParser) all(what string, opts map[byte][]string, numbers []string) error {
	if opts['p'] == nil {
		return p.errorf("%%%s without -p: patch then looks for the files by their last names alone", what)
	}
	strip, err := p.number(opts['p'][len(opts['p'])-1])
	if err != nil {
		return err
	}
	list, bounds := p.order, [2]int{0, 1<<31 - 1}
	for i, letter := range []byte{'m', 'M'} {
		if given := opts[letter]; given != nil {
			if bounds[i], err = p.number(given[len(given)-1]); err != nil {
				return err
			}
		}
	}
	if numbers != nil {
		list = nil
		for _, word := range numbers {
			n, err := p.number(word)
			if err != nil {
				return err
			}
			list = append(list, n)
		}
	} else if !slices.IsSorted(list) {
		p.warnf("patches are applied in the order of their lines, which is not that of their numbers")
	}
	for _, n := range list {
		if n < bounds[0] || n > bounds[1] {
			continue
		}
		if err := p.one(n, strip); err != nil {
			return err
		}
	}
	return nil
}

func (p *specParser) number(word string) (int, error) {
	n, err := strconv.Atoi(word)
	if err != nil || n < 0 {
		return 0, p.errorf("%q; expected a number", clip(word))
	}
	return n, nil
}

// patch is %patchN, %patch -P N and %patch N.
func (p *specParser) patch(number string, words []string, r reading) error {
	// Backups, emptied files and messages do not change the tree; fuzz may be
	// allowed, but what applies without it comes out the same.
	opts, args, err := p.options("patch", words, r, "PpbFz", "Esq")
	if err != nil {
		return err
	}
	numbers := slices.Concat(opts['P'], args)
	if number != "" {
		numbers = slices.Insert(numbers, 0, number)
	}
	if len(numbers) == 0 {
		numbers = []string{"0"}
	}
	strip := 0
	if given := opts['p']; given != nil {
		if strip, err = p.number(given[len(given)-1]); err != nil {
			return err
		}
	}
	for _, word := range numbers {
		n, err := p.number(word)
		if err != nil {
			return err
		}
		if err := p.one(n, strip); err != nil {
			return err
		}
	}
	return nil
}

// one applies patch n.
func (p *specParser) one(n, strip int) error {
	d, ok := p.files["patch"][n]
	switch {
	case !ok:
		return p.errorf("patch %d is not declared", n)
	case !p.prep.unpacked:
		return p.errorf("patch %d: applied before the source is unpacked", n)
	case p.prep.applied[n]:
		return p.errorf("patch %d: applied twice", n)
	}
	p.prep.applied[n] = true
	p.spec.patches = append(p.spec.patches, item{name: d.file, line: d.line, strip: strip})
	return nil
}
