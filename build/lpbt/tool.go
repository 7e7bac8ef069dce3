package lpbt

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"lpready/build/internal/run"
)

// A Tool is an installation of livepatch-build-tools.
type Tool struct {
	Dir       string   // of the script
	Script    string   // livepatch-build
	Programs  []string // all that takes part, the script first
	Version   string   // as its repository or changelog has it; empty where neither is there
	Digest    string   // of all the programs
	Options   []string // long ones, without dashes, sorted
	NameLimit int      // longest name of a payload
	LosesNew  bool     // copies new objects from a folder in which they are not
}

// Has tells whether the tool knows a long option.
func (t *Tool) Has(option string) bool { return slices.Contains(t.Options, option) }

// programs are what livepatch-build calls, in one of two places: beside it, or
// where make install puts them.
var programs = []string{"livepatch-gcc", "create-diff-object", "prelink"}

const (
	scriptName = "livepatch-build"
	installed  = "../libexec/livepatch-build-tools"
	whereFrom  = "clone and make livepatch-build-tools (xenbits.xen.org), then name its folder"
)

// Find learns what there is to know about a tool in a folder, or in PATH where the
// folder is empty.
func Find(ctx context.Context, dir string) (*Tool, error) {
	script := filepath.Join(dir, scriptName)
	if dir == "" {
		found, err := exec.LookPath(scriptName)
		if err != nil {
			return nil, &run.MissingError{Tool: scriptName, Hint: whereFrom}
		}
		script = found
	}
	script, err := filepath.Abs(script)
	if err != nil {
		return nil, err
	}
	if script, err = filepath.EvalSymlinks(script); err != nil { // as the script does
		return nil, fmt.Errorf("%s: %w; %s", scriptName, err, whereFrom)
	}
	t := &Tool{Dir: filepath.Dir(script), Script: script, Programs: []string{script}, NameLimit: oldNameLimit}
	if err := t.findPrograms(); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(script)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(string(text), "#!") { // a stand-in is no script
		t.readScript(string(text))
	}
	if t.Digest, err = digestAll(t.Programs); err != nil {
		return nil, err
	}
	t.Version = version(ctx, t.Dir)
	help, err := run.Cmd{Name: script, Args: []string{"--help"}, Timeout: time.Minute}.Run(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s --help: %w", scriptName, err)
	}
	t.Options = parseHelp(help.Stdout + "\n" + help.Stderr)
	if !t.Has("srcdir") || !t.Has("output") {
		return nil, fmt.Errorf("%s: expected --srcdir and --output among the options that --help lists, found %q", script, t.Options)
	}
	return t, nil
}

func (t *Tool) findPrograms() error {
	for _, dir := range []string{t.Dir, filepath.Join(t.Dir, filepath.FromSlash(installed))} {
		if _, err := os.Stat(filepath.Join(dir, "create-diff-object")); err != nil {
			continue
		}
		for _, name := range programs {
			name = filepath.Join(dir, name)
			info, err := os.Stat(name)
			if err != nil {
				return fmt.Errorf("livepatch-build-tools: %w; run make in its folder", err)
			}
			if info.Mode()&0o111 == 0 {
				return fmt.Errorf("%s: expected a program: it may not be run", name)
			}
			t.Programs = append(t.Programs, name)
		}
		return nil
	}
	return fmt.Errorf("%s: expected create-diff-object there or in %s; run make in its folder", t.Dir, installed)
}

// oldNameLimit is how long names may be where the script does not say.
const oldNameLimit = 48

var (
	nameCut  = regexp.MustCompile(`cut -c 1-(\d{1,4})`)
	newFiles = regexp.MustCompile(`(?m)comm -23 <\(cd patched/xen\b`)
	newCopy  = regexp.MustCompile(`(?m)^\s*cp "?patched/\$\{?i\}?"?\s`)
)

// readScript learns what the script does otherwise than others of its kind.
func (t *Tool) readScript(text string) {
	if m := nameCut.FindStringSubmatch(text); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil && n > 0 {
			t.NameLimit = n
		}
	}
	// It lists new objects relative to patched/xen and copies them from patched.
	t.LosesNew = newFiles.MatchString(text) && newCopy.MatchString(text)
}

var longOption = regexp.MustCompile(`--([a-z][a-z0-9-]{1,30})`)

// parseHelp lists the long options that a help text names.
func parseHelp(text string) (list []string) {
	for _, m := range longOption.FindAllStringSubmatch(text, 200) {
		list = append(list, m[1])
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// digestAll is one digest of the contents of files and of their base names.
func digestAll(names []string) (string, error) {
	h := sha256.New()
	for _, name := range names {
		sum, size, err := digestFile(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d %s\n", filepath.Base(name), size, sum)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// changelogs are files that may name a version, in their first lines.
var changelogs = []string{"debian/changelog", "CHANGELOG", "CHANGELOG.md", "ChangeLog", "livepatch-build-tools.spec"}

var versionWord = regexp.MustCompile(`\b(20\d{6}|v?\d+\.\d+(?:\.\d+)*)\b`)

// version asks the tool's own repository, or else its changelog.
func version(ctx context.Context, dir string) string {
	if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
		env := run.Env(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_OPTIONAL_LOCKS=0")
		res, err := run.Cmd{Name: "git", Args: []string{"-C", dir, "-c", "safe.directory=*", "describe", "--always", "--tags", "--dirty"},
			Env: env, Timeout: time.Minute}.Run(ctx)
		if err == nil && strings.TrimSpace(res.Stdout) != "" {
			return strings.TrimSpace(res.Stdout)
		}
	}
	for _, name := range changelogs {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			continue
		}
		if found := versionWord.FindString(string(data[:min(len(data), 2048)])); found != "" {
			return found
		}
	}
	return ""
}

// Name is what the tool calls the payload of a patch, without .livepatch.
func (t *Tool) Name(patch string) string {
	name := filepath.Base(patch)
	if strings.Contains(name, ".patch") || strings.Contains(name, ".diff") {
		name = strings.TrimSuffix(name, path.Ext(name))
	}
	b := []byte(name) // in the language C each byte is a character
	for i, c := range b {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-') {
			b[i] = '-'
		}
	}
	return string(b[:min(len(b), cmp.Or(t.NameLimit, oldNameLimit))])
}

// exists tells whether something is there, whatever it is.
func exists(name string) bool {
	_, err := os.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}
