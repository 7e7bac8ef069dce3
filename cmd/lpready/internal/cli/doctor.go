package cli

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lpready/build/boot"
	"lpready/cmd/lpready/internal/render"
)

// A requirement is something that commands need of the machine.
type requirement struct {
	commands []string
	programs []string // looked up in PATH
	memory   int      // MB, where it is no program
	when     string   // it is needed then only; empty: always
	debian   string   // packages
	fedora   string
}

// Commands that are one with their flags.
const verifyBoot, verifyGuest = "verify --boot", "verify --boot --guest"

// Groups of commands that need the same.
var (
	reading   = []string{"triage", "analyze", "port", "revise", "probe", "build", verifyBoot}
	compiling = []string{"probe", "build", "worker"}
	packaging = []string{"build", "worker"}
	emulating = []string{verifyBoot, verifyGuest}
	nothing   = []string{"factors", "render", "vendors", "objdiff", "verify", "plan", "status", "assign", "version", "doctor"}
)

// What compiling a base needs.
var (
	compilers        = []string{"gcc", "ld", "make", "flex", "bison", "python3"}
	compilerPackages = "gcc binutils make flex bison python3"
)

const lpbtFrom = "built from source: livepatch-build-tools of xenbits.xen.org"

// requirements are all there are, in the order in which they are told.
var requirements = []requirement{
	{commands: reading, programs: []string{"git"}, when: "the source of a base, or --upstream, is a git repository", debian: "git", fedora: "git"},
	{commands: []string{"fetch"}, programs: []string{"apt-get"}, when: "it fetches Debian's source packages (--vendor)", debian: "apt", fedora: "apt"},
	{commands: compiling, programs: compilers, debian: compilerPackages, fedora: compilerPackages},
	{commands: []string{verifyBoot}, programs: compilers, when: "the base is compiled: without --matched", debian: compilerPackages, fedora: compilerPackages},
	{commands: packaging, programs: []string{"livepatch-build"}, when: "its folder is not named", debian: lpbtFrom, fedora: lpbtFrom},
	{commands: packaging, programs: []string{"bash", "patch", "getopt", "perl", "gawk"}, debian: "bash patch util-linux perl gawk", fedora: "bash patch util-linux perl gawk"},
	{commands: packaging, programs: []string{"readelf", "objcopy", "objdump", "strip"}, debian: "binutils", fedora: "binutils"},
	{commands: emulating, programs: []string{boot.Program}, debian: "qemu-system-x86", fedora: "qemu-system-x86-core"},
	{commands: []string{"build"}, programs: []string{boot.Program}, when: "payloads are booted: with --boot", debian: "qemu-system-x86", fedora: "qemu-system-x86-core"},
	{commands: []string{verifyBoot}, memory: boot.Memory(false)},
	{commands: []string{verifyGuest}, memory: boot.Memory(true)},
}

// aliases are other names for commands that are one with their flags.
var aliases = map[string]string{"boot": verifyBoot, "guest": verifyGuest}

func newDoctor(a *app) *cobra.Command {
	var files []string
	cmd := &cobra.Command{
		Use:   "doctor [COMMAND...]",
		Short: "Say what the commands need of this machine, and how to install it",
		Long: `List what each command needs besides lpready itself, whether it is here, and which
package of Debian and of Fedora has it. "boot" and "guest" stand for verify --boot
and verify --boot --guest; with --boot-files the files for them are looked for too.

Exit codes: 0 all that is needed is here, 2 usage, 3 something is missing.`,
		Example: `  lpready doctor
  lpready doctor probe boot --boot-files packages/`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return doctorNames(), cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.Flags().StringArrayVar(&files, "boot-files", nil, "packages, or folders of them, with the files for booting (`path`; repeat)")
	out := addOutput(a, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		names, err := doctorCommands(args)
		if err != nil {
			return err
		}
		list := a.examine(names)
		if len(files) > 0 {
			more, err := a.examineFiles(cmd, names, files)
			if err != nil {
				return err
			}
			list = append(list, more...)
		}
		at := a.Now().UTC().Truncate(time.Second)
		err = out.write(func(w io.Writer) error {
			return render.Doctor(w, out.format.value, a.layout(out.file != ""), at, list)
		})
		if err != nil {
			return err
		}
		return healthy(list)
	}
	return cmd
}

// doctorNames are all commands, in the order of the requirements.
func doctorNames() (names []string) {
	for _, r := range requirements {
		for _, c := range r.commands {
			if !slices.Contains(names, c) {
				names = append(names, c)
			}
		}
	}
	return append(names, nothing...)
}

// doctorCommands are those that the arguments name, all if there are none.
func doctorCommands(args []string) ([]string, error) {
	if len(args) == 0 {
		return doctorNames(), nil
	}
	var names []string
	for _, arg := range args {
		if full := aliases[arg]; full != "" {
			arg = full
		}
		if !slices.Contains(doctorNames(), arg) {
			return nil, inputf("%s: expected commands of lpready, boot or guest: %s", arg, strings.Join(doctorNames(), ", "))
		}
		if !slices.Contains(names, arg) {
			names = append(names, arg)
		}
	}
	return names, nil
}

// examine looks for what commands need.
func (a *app) examine(names []string) []render.Requirement {
	list := []render.Requirement{}
	for _, r := range requirements {
		used := slices.DeleteFunc(slices.Clone(r.commands), func(c string) bool { return !slices.Contains(names, c) })
		if len(used) == 0 {
			continue
		}
		one := render.Requirement{Commands: used, When: r.when, Debian: r.debian, Fedora: r.fedora}
		if r.memory > 0 {
			one.Needs = fmt.Sprintf("%d MB of memory", r.memory)
			one.State, one.Found = enoughMemory(r.memory)
		} else {
			one.Needs = strings.Join(r.programs, ", ")
			one.State, one.Found, one.Missing = lookUp(r.programs)
		}
		list = append(list, one)
	}
	free := slices.DeleteFunc(slices.Clone(nothing), func(c string) bool { return !slices.Contains(names, c) })
	if len(free) > 0 {
		list = append(list, render.Requirement{Commands: free, Needs: "nothing", State: render.Found})
	}
	return list
}

// lookUp looks for programs: where they are, and which are not there.
func lookUp(programs []string) (state, found string, missing []string) {
	var at []string
	for _, name := range programs {
		if p, err := exec.LookPath(name); err != nil {
			missing = append(missing, name)
		} else {
			at = append(at, p)
		}
	}
	state = render.Found
	if len(missing) > 0 {
		state = render.Missing
	}
	return state, strings.Join(at, ", "), missing
}

// examineFiles looks for the files of a boot.
func (a *app) examineFiles(cmd *cobra.Command, names, files []string) ([]render.Requirement, error) {
	cache := cacheFolder(a)
	if cache == "" {
		return nil, inputf("packages are unpacked in the cache folder: expected HOME or XDG_CACHE_HOME to be set")
	}
	opened, err := openBootFiles(cmd.Context(), cache, files)
	if err != nil {
		return nil, err
	}
	var list []render.Requirement
	for _, s := range boot.Sources {
		used := slices.DeleteFunc(slices.Clone(emulating), func(c string) bool {
			return !slices.Contains(names, c) || s.Guest && c != verifyGuest
		})
		if len(used) == 0 {
			continue
		}
		one := render.Requirement{Commands: used, Needs: s.What, Debian: s.Debian, Fedora: s.Fedora, State: render.Missing}
		if at, ok := opened.Look(s); ok {
			one.State, one.Found = render.Found, at
		}
		list = append(list, one)
	}
	return list, nil
}

// enoughMemory compares with what Linux says is available; elsewhere it is not known.
func enoughMemory(want int) (state, found string) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return render.Unchecked, ""
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		words := strings.Fields(s.Text())
		if len(words) < 2 || words[0] != "MemAvailable:" {
			continue
		}
		kb, err := strconv.Atoi(words[1])
		if err != nil {
			break
		}
		found = fmt.Sprintf("%d MB", kb>>10)
		if kb>>10 < want {
			return render.Missing, found
		}
		return render.Found, found
	}
	return render.Unchecked, ""
}

// healthy tells by its error what is missing that is always needed.
func healthy(list []render.Requirement) error {
	var missing []string
	for _, r := range list {
		if r.State == render.Missing && r.When == "" {
			missing = append(missing, cmp.Or(strings.Join(r.Missing, ", "), r.Needs))
		}
	}
	if len(missing) > 0 {
		return machine(errors.New("missing: " + strings.Join(missing, ", ")))
	}
	return nil
}
