package lpbt

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"lpready/analyze/csource"
)

// A Problem is something that would stop a run, or spoil it, and is known before.
type Problem struct {
	Subject string // file, option or program
	What    string
	Remedy  string
	Warning bool // the run would come to its end
}

func (p Problem) String() string { return p.Subject + ": " + p.What + "; " + p.Remedy }

// needed are the programs that the scripts call, with the packages of Debian and
// Fedora that have them.
var needed = []struct{ program, pack string }{
	{"bash", "bash"}, {"patch", "patch"}, {"getopt", "util-linux"}, {"perl", "perl"}, {"gawk", "gawk"},
	{"readelf", "binutils"}, {"objcopy", "binutils"}, {"objdump", "binutils"}, {"strip", "binutils"}, {"ld", "binutils"},
}

// neededToBuild are those of its own builds.
var neededToBuild = []struct{ program, pack string }{
	{"make", "make"}, {"gcc", "gcc"}, {"flex", "flex"}, {"bison", "bison"}, {"python3", "python3"},
}

// Check finds all that can be known to fail before the first build of a batch.
// Requests with a Source are for Faithful.
func (t *Tool) Check(ctx context.Context, batch ...Request) []Problem {
	list := t.checkPrograms(batch)
	for i := range batch {
		if ctx.Err() != nil {
			break
		}
		list = append(list, t.checkRequest(&batch[i])...)
	}
	list = append(list, t.checkNames(batch)...)
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.What, b.What))
	})
	return slices.Compact(list)
}

func (t *Tool) checkPrograms(batch []Request) (list []Problem) {
	want := needed
	if slices.ContainsFunc(batch, func(r Request) bool { return r.Source != "" }) {
		want = slices.Concat(needed, neededToBuild)
	}
	for _, n := range want {
		if _, err := exec.LookPath(n.program); err != nil {
			list = append(list, Problem{Subject: n.program, What: "the program is not in PATH, and the tool calls it", Remedy: "install the package " + n.pack})
		}
	}
	for _, option := range []string{"config", "depends", "xen-depends", "skip"} {
		if !t.Has(option) {
			list = append(list, Problem{Subject: t.Script, What: "the tool has no option --" + option, Remedy: "use one of November 2019 or later"})
		}
	}
	return list
}

func (t *Tool) checkRequest(r *Request) []Problem {
	var list []Problem
	add := func(subject, what, remedy string) {
		list = append(list, Problem{Subject: subject, What: what, Remedy: remedy})
	}
	for option, on := range map[string]bool{"strip": r.Strip, "prelink": r.Prelink, "xen-syms": r.Symbols != ""} {
		if on && !t.Has(option) {
			add(t.Script, "the tool has no option --"+option, "use a newer one, or do without")
		}
	}
	for option, id := range map[string]string{"--depends": r.Depends, "--xen-depends": r.XenDepends} {
		if !buildID.MatchString(id) {
			add(option, fmt.Sprintf("%q is no build-id of 40 hex digits, and the tool would pack it unseen", id), "take that of the shipped hypervisor: readelf -n xen-syms")
		}
	}
	if exists(r.Work) {
		add(r.Work, "the folder exists, and the tool wants none", "give a new folder, or remove this one")
	}
	if info, err := os.Stat(r.Patch); err != nil {
		add(r.Patch, "the patch cannot be read", err.Error())
	} else if info.Size() == 0 {
		add(r.Patch, "the patch is empty", "give the patch itself")
	}
	list = append(list, t.checkPatch(r)...)
	list = append(list, checkConfig(r)...)
	list = append(list, checkSymbols(r)...)
	return append(list, checkSource(r)...)
}

var addedSource = regexp.MustCompile(`(?m)^--- /dev/null[^\n]*\n\+\+\+ [^/\s]+/(xen/\S+)\.[cS]\s`)

// checkPatch looks for sources that only the patch has.
func (t *Tool) checkPatch(r *Request) (list []Problem) {
	if r.Source == "" || !t.LosesNew {
		return nil
	}
	data, err := os.ReadFile(r.Patch)
	if err != nil {
		return nil // is told already
	}
	for _, m := range addedSource.FindAllSubmatch(append(data, '\n'), -1) {
		list = append(list, Problem{Subject: r.Patch, What: fmt.Sprintf("it adds %s.o, which this tool would leave out without a word", m[1]),
			Remedy: "use the shared mode, or a tool of 2024 or later"})
	}
	return list
}

var buildID = regexp.MustCompile(`^[0-9a-fA-F]{40}$`)

// checkConfig reads what the tool only finds out after the first build.
func checkConfig(r *Request) (list []Problem) {
	add := func(what, remedy string) { list = append(list, Problem{Subject: r.Config, What: what, Remedy: remedy}) }
	data, err := os.ReadFile(r.Config)
	if err != nil {
		add("the .config cannot be read", err.Error())
		return list
	}
	config, err := csource.ParseConfig(r.Config, bytes.NewReader(data))
	if err != nil {
		add("the .config cannot be read", err.Error())
		return list
	}
	if config["CONFIG_LIVEPATCH"] != "y" {
		add("CONFIG_LIVEPATCH is not set: this hypervisor takes no live patches", "give the .config of the shipped hypervisor")
	}
	if r.Source == "" {
		return list
	}
	if config["CONFIG_DEBUG_INFO"] != "y" && !r.DebugInfo {
		add("CONFIG_DEBUG_INFO is not set: the tool reads sizes of structures from DWARF and fails after the first build",
			"have it added (DebugInfo), or set it with CONFIG_EXPERT, which may change code")
	}
	if !bytes.Contains(data, []byte("CONFIG_DEBUG")) {
		add("CONFIG_DEBUG is not mentioned: the tool would give debug= to make, which Xen refuses",
			"add the line \"# CONFIG_DEBUG is not set\"")
	}
	return list
}

// checkSymbols wants the symbols of the hypervisor that is named.
func checkSymbols(r *Request) []Problem {
	if r.Symbols == "" {
		return nil
	}
	id, err := readBuildID(r.Symbols)
	if err != nil {
		return []Problem{{Subject: r.Symbols, What: "its build-id cannot be read", Remedy: err.Error()}}
	}
	if !strings.EqualFold(id, r.XenDepends) {
		return []Problem{{Subject: r.Symbols, What: "its build-id is " + id + ", the payload is for " + r.XenDepends,
			Remedy: "give the xen-syms of the shipped hypervisor"}}
	}
	return nil
}

// readBuildID reads the note that the linker wrote: three words, "GNU", the id.
func readBuildID(name string) (string, error) {
	f, err := elf.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	s := f.Section(".note.gnu.build-id")
	if s == nil || s.Size < 16 || s.Size > 1024 {
		return "", fmt.Errorf("%s: expected a section .note.gnu.build-id", name)
	}
	data, err := s.Data()
	if err != nil || len(data) < 16 {
		return "", fmt.Errorf("%s: .note.gnu.build-id: %v", name, err)
	}
	return hex.EncodeToString(data[16:]), nil
}

var minorVersion = regexp.MustCompile(`(?m)^export XEN_SUBVERSION\s*[?:]?=\s*(\d+)\s*$`)

// checkSource looks at a source as the tool's three builds will find it.
func checkSource(r *Request) (list []Problem) {
	if r.Source == "" {
		return nil
	}
	xen := filepath.Join(r.Source, csource.Root)
	if !exists(filepath.Join(xen, "Rules.mk")) {
		return []Problem{{Subject: r.Source, What: "it is no source of Xen: xen/Rules.mk is not there", Remedy: "give the folder above xen/"}}
	}
	if makefile, err := os.ReadFile(filepath.Join(xen, "Makefile")); err == nil {
		if m := minorVersion.FindSubmatch(makefile); m != nil && (len(m[1]) == 1 || string(m[1]) < "14") {
			list = append(list, Problem{Subject: r.Source, What: "it is Xen 4." + string(m[1]) + ", which takes payloads of version 1; the tool makes version 2",
				Remedy: "use a tool of that time"})
		}
	}
	if exists(filepath.Join(xen, "xen-syms")) || exists(filepath.Join(xen, ".config")) {
		list = append(list, Problem{Subject: r.Source, What: "it was built or configured before",
			Remedy: "give pristine source: what is left over can get into the payload", Warning: true})
	}
	if dirty, _ := filepath.Glob(filepath.Join(xen, "arch", "x86", "Makefile.bak")); len(dirty) > 0 || mentions(filepath.Join(xen, "Rules.mk"), sectionFlags) {
		list = append(list, Problem{Subject: r.Source, What: "a run of the tool that failed has left it changed", Remedy: "give pristine source"})
	}
	return list
}

// maxName is how long names are that the hypervisor takes: XEN_LIVEPATCH_NAME_SIZE
// with its zero.
const maxName = 127

// checkNames wants a name of its own for every payload of one base.
func (t *Tool) checkNames(batch []Request) (list []Problem) {
	first := map[string]string{}
	for _, r := range batch {
		name := t.Name(r.Patch)
		id := r.XenDepends + "/" + name
		if other, taken := first[id]; taken && other != r.Patch {
			list = append(list, Problem{Subject: r.Patch, What: fmt.Sprintf("its payload has the name of that of %s: %s", other, name),
				Remedy: fmt.Sprintf("rename the patch: what counts are %d characters, and all but letters, digits, _ and - are one", t.NameLimit)})
		} else {
			first[id] = r.Patch
		}
		if len(name) > maxName {
			list = append(list, Problem{Subject: r.Patch, What: fmt.Sprintf("the name of its payload has %d characters, of which the hypervisor takes %d", len(name), maxName),
				Remedy: "a shorter name for the patch"})
		}
		if name == "" || strings.HasPrefix(name, "-") {
			list = append(list, Problem{Subject: r.Patch, What: fmt.Sprintf("its payload would have the name %q", name), Remedy: "rename the patch"})
		}
		if len(name) == t.NameLimit && len(filepath.Base(r.Patch)) > t.NameLimit+len(".patch") {
			list = append(list, Problem{Subject: r.Patch, What: "the name of its payload is cut: " + name, Remedy: "a shorter name for the patch", Warning: true})
		}
	}
	return list
}

// CheckSeries reads a series file as build-livepatches does, which takes every line
// for the name of a patch.
func CheckSeries(name string, r io.Reader) (list []Problem, err error) {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		subject := fmt.Sprintf("%s:%d", name, n)
		switch l := strings.TrimSpace(lines.Text()); {
		case l == "":
			list = append(list, Problem{Subject: subject, What: "a blank line, which ends the tool's run", Remedy: "remove it"})
		case strings.HasPrefix(l, "#"):
			list = append(list, Problem{Subject: subject, What: "a comment, which the tool takes for a patch", Remedy: "remove it"})
		case strings.ContainsAny(l, " \t"):
			list = append(list, Problem{Subject: subject, What: "more than a name: the tool knows no options of patches", Remedy: "leave the name alone on the line"})
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return list, nil
}
