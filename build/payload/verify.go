package payload

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Options are what there is to say about a payload and its base besides both files.
// All of it may be missing.
type Options struct {
	Name     string     // under which the payload is loaded
	Xen      string     // version of the base, such as 4.17; taken from Release if empty
	Release  string     // of the base, such as 4.17.2
	Replace  bool       // it is applied by the action REPLACE
	Previous *Payload   // what is loaded and applied already
	Below    []*Payload // what was applied before that, the latest first
	Before   string     // the name of that
	Expected []Expected // functions, nil if they are not known
}

// An Expected is a function that an assessment names.
type Expected struct {
	Name string // in the source, or as the hypervisor calls it
	File string // of its source, such as xen/common/domain.c; empty where not known
	New  bool   // it is not in the base: there is nothing to replace
	Sure bool   // a payload without it is not the fix
}

// A Finding is what one check found.
type Finding struct {
	Check      string   `json:"check"`
	Severity   Severity `json:"severity"`
	Crash      bool     `json:"crash,omitempty"` // of the host
	Message    string   `json:"message"`
	Loader     string   `json:"loader,omitempty"` // what the hypervisor says on its console
	Section    string   `json:"section,omitempty"`
	Symbol     string   `json:"symbol,omitempty"`
	Relocation string   `json:"relocation,omitempty"` // number and place
	Source     string   `json:"source"`
	Remedy     string   `json:"remedy"`
	More       int      `json:"more,omitempty"` // so many of the same check were left out
}

// An Unmade is a check that could not be made.
type Unmade struct {
	Check string `json:"check"`
	Why   string `json:"why"`
}

// A Result is what a hypervisor would say to a payload. The first finding that is
// refused, if it has words of the loader, is where the hypervisor stops.
type Result struct {
	Name     string `json:"name"`
	Bytes    int    `json:"bytes"`
	Accepted bool   `json:"accepted"`

	Xen         string `json:"xen,omitempty"`
	Release     string `json:"release,omitempty"`
	BaseBuildID string `json:"base_build_id,omitempty"`

	BuildID    string     `json:"build_id,omitempty"`
	Depends    string     `json:"depends,omitempty"`
	XenDepends string     `json:"xen_depends,omitempty"`
	Functions  []Function `json:"functions,omitempty"`
	Hooks      []Hook     `json:"hooks,omitempty"`
	Metadata   []string   `json:"metadata,omitempty"`

	Made     int       `json:"checks_made"`
	Findings []Finding `json:"findings,omitempty"` // in the order of the checks
	NotMade  []Unmade  `json:"not_made,omitempty"`
	Warnings []string  `json:"warnings,omitempty"`
}

// Count counts the findings of a severity, with those that were left out.
func (r *Result) Count(s Severity) (n int) {
	for i := range r.Findings {
		if r.Findings[i].Severity == s {
			n += 1 + r.Findings[i].More
		}
	}
	return n
}

// The minor versions of Xen 4 whose loaders are known.
const oldest, newest = 14, 22

// maxFindings is how many findings of one check are kept.
const maxFindings = 20

var versionForm = regexp.MustCompile(`^4\.(\d{1,2})(\.\d+)?([+~-].*)?$`)

// minor is the version whose checks are made, with what there is to say about it.
func (o *Options) minor() (n int, warning string) {
	v := o.Xen
	if v == "" {
		v = o.Release
	}
	if v == "" {
		return newest, fmt.Sprintf("the version of Xen is not known: the checks are those of 4.%d", newest)
	}
	m := versionForm.FindStringSubmatch(v)
	if m != nil {
		n, _ = strconv.Atoi(m[1])
	}
	if clamped := min(max(n, oldest), newest); m == nil || clamped != n {
		if m == nil {
			clamped = newest
		}
		return clamped, fmt.Sprintf("the loader of Xen %s is not known: the checks are those of 4.%d", v, clamped)
	}
	return n, ""
}

// A verifier goes through the checks.
type verifier struct {
	*Result
	p     *Payload
	h     *Hypervisor // nil if not known
	opt   Options
	minor int
	m     *image
	seen  map[string]int // findings by check
	why   map[string]string
}

// VerifyFile verifies the contents of a file, damaged ones too. An error is a file
// that is not even looked at.
func VerifyFile(data []byte, h *Hypervisor, opt Options) (*Result, error) {
	p, err := Read(data)
	var damage *Damage
	switch {
	case errors.As(err, &damage):
		v := newVerifier(&Payload{Bytes: len(data)}, h, opt)
		v.upload()
		v.keep(damage.Finding)
		v.stop(damage.Finding.Check)
		return v.finish(), nil
	case err != nil:
		return nil, err
	}
	return Verify(p, h, opt), nil
}

// Verify tells what a hypervisor would say to a payload, and what has to be known
// besides. h is nil where the symbols of the base are not at hand: what needs them
// is listed as not made.
func Verify(p *Payload, h *Hypervisor, opt Options) *Result {
	v := newVerifier(p, h, opt)
	v.upload()
	if v.minor >= 18 {
		v.xenDepends()
	}
	for _, step := range []func(){
		v.place, v.resolve, v.relocate, v.special, v.patching, v.functions, v.hooks, v.notes, v.optional,
	} {
		step()
	}
	if v.minor < 18 {
		v.xenDepends()
	}
	for _, step := range []func(){v.duplicates, v.apply, v.replace, v.base, v.expected} {
		step()
	}
	return v.finish()
}

func newVerifier(p *Payload, h *Hypervisor, opt Options) *verifier {
	r := &Result{
		Name: opt.Name, Bytes: p.Bytes, Xen: opt.Xen, Release: opt.Release,
		BuildID: p.BuildID, Depends: p.Depends, XenDepends: p.XenDepends,
		Functions: p.Functions, Hooks: p.Hooks, Metadata: p.Metadata,
	}
	v := &verifier{Result: r, p: p, h: h, opt: opt, seen: map[string]int{}, why: map[string]string{}}
	var warning string
	if v.minor, warning = opt.minor(); warning != "" {
		r.Warnings = append(r.Warnings, warning)
	}
	if h != nil {
		r.BaseBuildID = h.BuildID
	}
	for _, n := range []struct {
		has  bool
		need need
		why  string
	}{
		{h != nil, needSymbols, "the base's xen-syms is not given"},
		{opt.Release != "", needRelease, "the base's release is not given"},
		{opt.Previous != nil, needPrevious, "no previous payload is given"},
		{opt.Expected != nil, needExpected, "no assessment is given"},
	} {
		if !n.has {
			v.skip(n.need, n.why)
		}
	}
	return v
}

// skip marks what needs something as not made.
func (v *verifier) skip(n need, why string) {
	for i := range checks {
		if c := &checks[i]; c.needs&n != 0 && c.applies(v.minor) {
			v.why[c.id] = why
		}
	}
}

// stop marks all checks after one as not made.
func (v *verifier) stop(at string) {
	after := false
	for i := range checks {
		c := &checks[i]
		if after && c.applies(v.minor) {
			v.why[c.id] = "the file cannot be read so far"
		}
		after = after || c.id == at
	}
}

// A where is the place of a finding.
type where struct{ section, symbol, relocation string }

// add notes what a check found.
func (v *verifier) add(id string, at where, message string, args ...any) {
	f := findingOf(checkOf(id, v.minor), message, args)
	f.Section, f.Symbol, f.Relocation = at.section, at.symbol, at.relocation
	v.keep(f)
}

// keep notes a finding; of many of one check only the first ones.
func (v *verifier) keep(f Finding) {
	if f.Loader != "" {
		f.Loader = "livepatch: " + v.Name + f.Loader
	}
	if v.seen[f.Check]++; v.seen[f.Check] > maxFindings {
		for i := len(v.Findings) - 1; i >= 0; i-- {
			if v.Findings[i].Check == f.Check {
				v.Findings[i].More++
				return
			}
		}
	}
	v.Findings = append(v.Findings, f)
}

// finish sorts the findings into the order of the checks and gives the verdict.
func (v *verifier) finish() *Result {
	order := map[string]int{}
	for i := range checks {
		c := &checks[i]
		if !c.applies(v.minor) {
			continue
		}
		order[c.id] = i
		if why := v.why[c.id]; why != "" {
			v.NotMade = append(v.NotMade, Unmade{c.id, why})
		} else {
			v.Made++
		}
	}
	slices.SortStableFunc(v.Findings, func(a, b Finding) int { return order[a.Check] - order[b.Check] })
	v.Accepted = v.Count(Refused) == 0
	return v.Result
}

// maxNameLength is XEN_LIVEPATCH_NAME_SIZE without the zero at its end.
const maxNameLength = 127

// upload is what comes before the file is read.
func (v *verifier) upload() {
	switch n := len(v.Name); {
	case n == 0:
		v.why["name-length"] = "the name is not given"
	case n > maxNameLength:
		v.add("name-length", where{}, fmt.Sprintf("the name has %d characters, expected at most %d", n, maxNameLength))
	}
	switch {
	case v.p.Bytes == 0:
		v.add("size-zero", where{}, "the file is empty")
	case v.p.Bytes > maxSize:
		v.add("size", where{}, fmt.Sprintf("the file has %d bytes, expected at most %d", v.p.Bytes, maxSize))
	}
	if v.opt.Previous != nil && v.opt.Before == v.Name && v.Name != "" {
		v.add("name-taken", where{}, "the previous payload has the same name")
	}
}

// xenDepends is check_xen_buildid, before 4.18 xen_build_id_dep: was it made for
// this hypervisor?
func (v *verifier) xenDepends() {
	_, s := v.p.section(xenDependsSection)
	at := where{section: xenDependsSection}
	early := v.minor >= 18 // else other checks say so
	switch {
	case s == nil:
		if early {
			v.add("xen-depends-missing", at, "it does not say for which hypervisor it was made", xenDependsSection)
		}
		return
	case v.p.XenDepends == "":
		if early {
			v.add("xen-depends-note", at, "it does not say for which hypervisor it was made: the section holds no build-id", xenDependsSection)
		}
		return
	case v.h == nil:
		return
	case v.h.BuildID == "":
		v.add("xen-build-id", where{}, "the base has no build-id")
	case v.h.BuildID != v.p.XenDepends:
		v.add("build-id", at, fmt.Sprintf("it was made for another hypervisor: for build-id %s, and that of the base is %s", v.p.XenDepends, v.h.BuildID))
	}
}

// stem is the name of a function in the source: without the file that the
// hypervisor puts before it and without what gcc puts behind the name of a part.
func stem(name string) (file, function string) {
	if i := strings.LastIndexByte(name, '#'); i >= 0 {
		file, name = name[:i], name[i+1:]
	}
	if i := partSuffix.FindStringIndex(name); i != nil && i[0] > 0 {
		name = name[:i[0]]
	}
	return file, name
}

var partSuffix = regexp.MustCompile(`(?:\.(?:isra|constprop|part|cold|localalias|lto_priv|llvm)(?:\.\d+)?)+$`)
