package lpbt

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A Verdict is what came of the comparison of one object.
type Verdict string

const (
	Changed Verdict = "changed" // it is in the payload
	Same    Verdict = "same"    // no functional change
	Refused Verdict = "refused" // the differ takes no such change
	Failed  Verdict = "failed"  // the differ gave up
	Crashed Verdict = "crashed" // the differ died
)

// An Object is one that was compared, and what the differ said of it.
type Object struct {
	Path     string   `json:"path"` // xen/common/event.o
	Verdict  Verdict  `json:"verdict"`
	Changed  []string `json:"changed,omitempty"` // functions, as the differ lists them
	New      []string `json:"new,omitempty"`
	Hooks    []string `json:"hooks,omitempty"`
	Ignored  []string `json:"ignored,omitempty"`  // sections that are left out, changed or not
	Warnings []string `json:"warnings,omitempty"` // others
	Errors   []string `json:"errors,omitempty"`   // in its words

	raw string // the path as the tool has it
}

const diffLog = "create-diff-object.log"

// Bounds of what is kept of foreign logs.
const (
	maxLine    = 4 << 10
	maxObjects = 10_000
	maxListed  = 20_000 // lines of all objects
)

// eachLine hands over every line, cut to a bound, without its end.
func eachLine(r io.Reader, do func(line string)) error {
	b := bufio.NewReaderSize(r, maxLine)
	for {
		line, more, err := b.ReadLine()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		text := string(bytes.ToValidUTF8(bytes.TrimRight(line, "\r"), []byte("?")))
		for more && err == nil {
			_, more, err = b.ReadLine()
		}
		do(text)
	}
}

const runPrefix = "Run create-diff-object on "

// listed are the lines of the differ that list something, by their beginnings
// after the name of the object.
var listed = []struct {
	prefix string
	list   func(*Object) *[]string
}{
	{"changed function: ", func(o *Object) *[]string { return &o.Changed }},
	{"new function: ", func(o *Object) *[]string { return &o.New }},
	{"found hook: ", func(o *Object) *[]string { return &o.Hooks }},
	{"WARNING: Explicitly ignoring .init section: ", func(o *Object) *[]string { return &o.Ignored }},
	{"WARNING: ", func(o *Object) *[]string { return &o.Warnings }},
	{"NOTICE: ", func(o *Object) *[]string { return &o.Warnings }},
	{"Found a STN_UNDEF symbol ", func(o *Object) *[]string { return &o.Warnings }},
}

// parseDiffLog reads create-diff-object.log: a line for each object, and below it
// what the differ printed. A log that ends early is no error.
func parseDiffLog(r io.Reader) ([]Object, error) {
	var list []Object
	total := 0
	err := eachLine(r, func(line string) {
		if raw, ok := strings.CutPrefix(line, runPrefix); ok {
			if len(list) < maxObjects {
				list = append(list, Object{Path: undouble(raw), raw: raw})
			}
			return
		}
		if len(list) == 0 || total >= maxListed {
			return
		}
		if list[len(list)-1].read(line) {
			total++
		}
	})
	return list, err
}

// read takes one line of the differ, and tells whether it said something.
func (o *Object) read(line string) bool {
	if text, ok := complaint(line); ok {
		o.Errors = append(o.Errors, text)
		return true
	}
	_, said, ok := strings.Cut(line, ": ")
	if !ok {
		return false
	}
	for _, l := range listed {
		if what, ok := strings.CutPrefix(said, l.prefix); ok {
			to := l.list(o)
			*to = append(*to, what)
			return true
		}
	}
	if slices.ContainsFunc(differPatterns, func(p pattern) bool { return p.line.MatchString(said) }) {
		o.Errors = append(o.Errors, said) // the reasons stand before the error itself
		return true
	}
	return false
}

// ERROR: OBJECT: WHY, or with the function and the line of the differ's own source,
// and with the program's name before it where error(3) prints.
var errorLine = regexp.MustCompile(`^(?:\S*create-diff-object: |\S*prelink: )?ERROR: (\S+?): (?:\w+: \d+: )?(.+)$`)

func complaint(line string) (string, bool) {
	if m := errorLine.FindStringSubmatch(line); m != nil {
		return strings.TrimSpace(m[2]), true
	}
	return "", false
}

// undouble gives an object's path below the tool's folders its name in the tree:
// livepatch-gcc puts the folder of make before a path that may hold it already.
func undouble(raw string) string {
	raw = path.Clean(raw)
	dir, name := path.Split(raw)
	words := strings.Split(strings.TrimSuffix(dir, "/"), "/")
	if n := len(words); n%2 == 1 && n > 1 && words[0] == "xen" && slices.Equal(words[1:1+n/2], words[1+n/2:]) {
		words = words[:1+n/2]
	}
	return path.Join(path.Join(words...), name)
}

// An objectError is what the script says of the differ's exit code.
type objectError struct {
	raw  string
	code string
}

var codeLine = regexp.MustCompile(`^ERROR: create-diff-object (\S+) rc (\d{1,3})\.?$`)

// parseErrors reads the exit codes of the differ out of what the script printed.
func parseErrors(stderr string) (list []objectError) {
	for l := range strings.Lines(stderr) {
		l = strings.TrimSpace(l)
		if m := codeLine.FindStringSubmatch(l); m != nil {
			list = append(list, objectError{m[1], m[2]})
		} else if strings.HasPrefix(l, "ERROR: create-diff-object SIGSEGV") {
			list = append(list, objectError{"", "139"}) // the one that it was at
		}
	}
	return list
}

// settle gives each object its verdict. written tells whether the differ left a
// file: new data alone makes one, too, and is not listed.
func settle(objects []Object, codes []objectError, written func(raw string) bool) {
	for i := range objects {
		o := &objects[i]
		code := ""
		for _, c := range codes {
			if c.raw == o.raw || c.raw == "" && i == len(objects)-1 {
				code = c.code
			}
		}
		switch {
		case code == "" && len(o.Errors) > 0 && !written(o.raw): // older scripts tell no codes
			o.Verdict = Failed
			if m := match(differPatterns, strings.Join(o.Errors, "\n")); m != nil && m.Kind == Rejected {
				o.Verdict = Refused
			}
		case code == "2":
			o.Verdict = Refused
		case code == "139" || code == "134" || code == "137":
			o.Verdict = Crashed
		case code != "":
			o.Verdict = Failed
		case written(o.raw):
			o.Verdict = Changed
		default:
			o.Verdict = Same
		}
	}
	slices.SortStableFunc(objects, func(a, b Object) int { return cmp.Compare(a.Path, b.Path) })
}

// warnings are those of objects that are in the payload.
func warnings(objects []Object) (list []string) {
	for _, o := range objects {
		if o.Verdict != Changed {
			continue
		}
		for _, w := range o.Warnings {
			list = append(list, o.Path+": "+w)
		}
		if n := len(o.Ignored); n > 0 {
			list = append(list, fmt.Sprintf("%s: %d sections of boot code and data are left out, whether they changed or not", o.Path, n))
		}
	}
	return list
}

var cannotCopy = regexp.MustCompile(`^cp: cannot stat '(?:patched/)(\./[^']+)'`)

// parseUncopied lists the objects that the script wanted to copy and did not find.
// After a build with another CROSS_COMPILE they are most of the hypervisor's: see
// newObjects for those that count.
func parseUncopied(stderr string) (list []string) {
	for l := range strings.Lines(stderr) {
		if m := cannotCopy.FindStringSubmatch(strings.TrimSpace(l)); m != nil && len(list) < maxObjects {
			list = append(list, undouble(path.Join("xen", m[1])))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// newObjects are those of candidates that the log of the base's build does not
// mention and that of the patched one does: in make's short form an object has its
// path, in the long one its name alone.
func newObjects(candidates []string, base, patched io.Reader) ([]string, error) {
	was, err := words(base)
	if err != nil {
		return nil, err
	}
	is, err := words(patched)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, name := range candidates {
		rel := strings.TrimPrefix(name, "xen/")
		mentioned := func(w map[string]bool) bool { return w[rel] || w[path.Base(rel)] }
		if !mentioned(was) && mentioned(is) {
			list = append(list, name)
		}
	}
	return list, nil
}

// words are the objects that a log of make names.
func words(r io.Reader) (map[string]bool, error) {
	set := map[string]bool{}
	err := eachLine(r, func(line string) {
		for w := range strings.FieldsSeq(line) {
			if strings.HasSuffix(w, ".o") && len(set) < 10*maxObjects {
				set[path.Clean(w)] = true
			}
		}
	})
	return set, err
}

// phaseLines are the lines by which the script tells where it is.
var phaseLines = []struct{ prefix, phase string }{
	{"Perform full initial build", phaseFull},
	{"Reading special section data", phaseSizes},
	{"Apply patch and build", phasePatched},
	{"Unapply patch and build", phaseOriginal},
	{"Extracting new and modified ELF sections", phaseDiff},
	{"Creating patch module", phaseLink},
}

// A clock reads the script's output and measures its phases.
type clock struct {
	progress func(string)
	now      func() time.Time
	phases   []Phase
	current  string
	since    time.Time
	rest     []byte
}

func newClock(progress func(string)) *clock { return &clock{progress: progress, now: time.Now} }

// Write takes a piece of output; lines may be cut anywhere.
func (c *clock) Write(p []byte) (int, error) {
	n := len(p)
	for {
		line, rest, ok := bytes.Cut(p, []byte("\n"))
		c.rest = append(c.rest, line[:min(len(line), max(0, maxLine-len(c.rest)))]...)
		if !ok {
			return n, nil
		}
		for _, l := range phaseLines {
			if bytes.HasPrefix(c.rest, []byte(l.prefix)) {
				c.enter(l.phase)
			}
		}
		c.rest, p = c.rest[:0], rest
	}
}

// enter ends the phase before. A phase that is entered again is listed again; the
// tool does no such thing.
func (c *clock) enter(phase string) {
	c.stop()
	if len(c.phases) >= 100 {
		return
	}
	c.current, c.since = phase, c.now()
	if c.progress != nil {
		c.progress(phase)
	}
}

func (c *clock) stop() {
	if c.current != "" {
		c.phases = append(c.phases, Phase{c.current, c.now().Sub(c.since)})
	}
	c.current = ""
}

// last is the phase in which the tool was, or ended.
func (c *clock) last() string {
	if c.current != "" || len(c.phases) == 0 {
		return c.current
	}
	return c.phases[len(c.phases)-1].Name
}

// kept keeps the last bytes written to it.
type kept struct {
	limit int
	buf   []byte
}

func (k *kept) Write(p []byte) (int, error) {
	k.buf = append(k.buf, p...)
	if over := len(k.buf) - k.limit; over > k.limit {
		k.buf = k.buf[:copy(k.buf, k.buf[over:])]
	}
	return len(p), nil
}

func (k *kept) String() string { return string(k.buf[max(0, len(k.buf)-k.limit):]) }

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }
