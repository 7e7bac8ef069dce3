package port

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"lpready/analyze/patch"
	"lpready/build/internal/run"
)

// An Upstream is a git repository of Xen, bare or not. It is only read, and
// what was read of it stays in memory. It is safe for concurrent use.
type Upstream struct {
	dir string

	mu      sync.Mutex
	commits map[string]*commit // by hash
	ranges  map[string][]*commit
}

// A commit is one of the repository's.
type commit struct {
	hash    string
	subject string
	message string
	date    time.Time
	files   []string // that it touches, old names too; sorted
	text    []byte   // as a mail, once read
	patches []patch.Patch
	parsed  bool
	wrong   error // why its text is of no use
}

// ErrNoGit says that git is not installed.
var ErrNoGit = errors.New("upstream repository")

// OpenUpstream looks whether dir is a git repository.
func OpenUpstream(ctx context.Context, dir string) (*Upstream, error) {
	u := &Upstream{dir: dir, commits: map[string]*commit{}, ranges: map[string][]*commit{}}
	if _, err := u.git(ctx, nil, "rev-parse", "--git-dir"); err != nil {
		var missing *run.MissingError
		if errors.As(err, &missing) {
			return nil, fmt.Errorf("%w: %w", ErrNoGit, err)
		}
		return nil, fmt.Errorf("%s: expected a git repository of Xen: %w", dir, err)
	}
	return u, nil
}

// maxOutput is how much one call of git may print: ten times what all commits
// of ten years do.
const maxOutput = 1 << 29

// git runs git as we trust it: without settings of the user and the system,
// hooks, replaced objects, fetching and questions.
func (u *Upstream) git(ctx context.Context, stdin []byte, args ...string) (string, error) {
	cmd := run.Cmd{
		Name: "git",
		Args: append([]string{"--no-pager", "-C", u.dir, "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false",
			"-c", "protocol.allow=never", "-c", "safe.directory=*", "-c", "core.quotePath=false", "-c", "log.showSignature=false",
			"-c", "core.attributesFile=/dev/null"}, args...),
		Env: run.Env(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_NO_REPLACE_OBJECTS=1",
			"GIT_NO_LAZY_FETCH=1", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0"),
		Keep: maxOutput,
		Hint: "install git",
	}
	if stdin != nil {
		cmd.Stdin = bytes.NewReader(stdin)
	}
	res, err := cmd.Run(ctx)
	if err == nil && res.Lost > 0 {
		err = fmt.Errorf("git %s printed more than %d MiB", args[0], maxOutput>>20)
	}
	return res.Stdout, err
}

// resolve gives the commit that a ref or hash means, "" where there is none.
func (u *Upstream) resolve(ctx context.Context, ref string) (string, error) {
	out, err := u.git(ctx, nil, "rev-parse", "--verify", "--quiet", "--end-of-options", ref+"^{commit}")
	var exit *run.ExitError
	if errors.As(err, &exit) && exit.Cause == nil {
		return "", nil
	}
	return strings.TrimSpace(out), err
}

// branch finds the branch that fixes for a Xen version go to.
func (u *Upstream) branch(ctx context.Context, xen string) (name, hash string, err error) {
	names := []string{"staging-" + xen, "stable-" + xen}
	if xen == "" || xen == "unstable" {
		names = []string{"staging", "master"}
	}
	for _, n := range names {
		for _, ref := range []string{"refs/heads/" + n, "refs/remotes/origin/" + n, "refs/remotes/upstream/" + n} {
			if hash, err = u.resolve(ctx, ref); hash != "" || err != nil {
				return n, hash, err
			}
		}
	}
	return strings.Join(names, " or "), "", nil
}

// between lists the commits that to has and from has not, oldest first.
func (u *Upstream) between(ctx context.Context, from, to string) ([]*commit, error) {
	key := from + ".." + to
	u.mu.Lock()
	defer u.mu.Unlock()
	if list, ok := u.ranges[key]; ok {
		return list, nil
	}
	out, err := u.git(ctx, nil, "log", "--no-merges", "--reverse", "--topo-order", "-M", "--name-status", "-z",
		"--no-notes", "--encoding=UTF-8", "--format=%x01%H%x02%ct%x02%s%x02%B", key, "--")
	if err != nil {
		return nil, err
	}
	list, err := parseLog(out)
	if err != nil {
		return nil, err
	}
	for i, c := range list {
		if known := u.commits[c.hash]; known != nil {
			list[i] = known
		} else {
			u.commits[c.hash] = c
		}
	}
	u.ranges[key] = list
	return list, nil
}

var logHead = regexp.MustCompile(`^\n?\x01([0-9a-f]{40}|[0-9a-f]{64})\x02(-?[0-9]+)\x02([^\x02]*)\x02`)

// parseLog reads what git log prints in between: fields that end with NUL, a
// head for each commit, and behind it the status and the names of each file.
func parseLog(out string) ([]*commit, error) {
	var list []*commit
	fields := strings.Split(out, "\x00")
	for i := 0; i < len(fields); i++ {
		f := fields[i]
		if m := logHead.FindStringSubmatch(f); m != nil {
			seconds, err := strconv.ParseInt(m[2], 10, 64)
			if err != nil {
				return nil, fmt.Errorf("git log printed the date %q", m[2])
			}
			list = append(list, &commit{hash: m[1], date: time.Unix(seconds, 0).UTC(), subject: m[3], message: f[len(m[0]):]})
			continue
		}
		f = strings.TrimLeft(f, "\n")
		if f == "" {
			continue
		}
		names := 1
		if f[0] == 'R' || f[0] == 'C' {
			names = 2
		}
		if len(list) == 0 || i+names >= len(fields) {
			return nil, fmt.Errorf("git log printed %.60q where a commit was expected", f)
		}
		c := list[len(list)-1]
		c.files = append(c.files, fields[i+1:i+1+names]...)
		i += names
	}
	for _, c := range list {
		slices.Sort(c.files)
		c.files = slices.Compact(c.files)
	}
	return list, nil
}

// read fetches the texts of commits that are not in memory yet, all at once.
func (u *Upstream) read(ctx context.Context, list []*commit) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	var want []*commit
	for _, c := range list {
		if c.text == nil && c.wrong == nil && !slices.Contains(want, c) {
			want = append(want, c)
		}
	}
	if len(want) == 0 {
		return nil
	}
	var ask bytes.Buffer
	for _, c := range want {
		fmt.Fprintln(&ask, c.hash)
	}
	out, err := u.git(ctx, ask.Bytes(), "diff-tree", "--stdin", "--root", "-r", "-M", "-p", "--pretty=email", "--encoding=UTF-8",
		"--no-ext-diff", "--no-textconv", "--no-notes", "--no-color", "--src-prefix=a/", "--dst-prefix=b/", "-U3", "--binary")
	if err != nil {
		return err
	}
	for i, c := range want {
		head := mailHead(c)
		at := strings.Index(out, head)
		if at != 0 && (at < 0 || out[at-1] != '\n') {
			c.wrong = fmt.Errorf("commit %.12s: git diff-tree printed nothing for it", c.hash)
			continue
		}
		end := len(out)
		if i+1 < len(want) {
			if next := strings.Index(out[at:], "\n"+mailHead(want[i+1])); next >= 0 {
				end = at + next + 1
			}
		}
		c.text = []byte(out[at:end])
		out = out[end:]
	}
	return nil
}

// mailHead is the first line of a commit as a mail.
func mailHead(c *commit) string { return "From " + c.hash + " Mon Sep 17 00:00:00 2001\n" }

// patch is the change of a commit whose text was read, nil where it has none
// that can be applied.
func (u *Upstream) patch(c *commit) *patch.Patch {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !c.parsed {
		c.parsed = true
		all, err := patch.Parse(fmt.Sprintf("commit %.12s", c.hash), bytes.NewReader(c.text))
		if err == nil && len(all) != 1 {
			err = fmt.Errorf("commit %.12s: %d changes in its text, expected one", c.hash, len(all))
		}
		c.patches, c.wrong = all, err
	}
	if c.wrong != nil || len(c.patches) != 1 {
		return nil
	}
	return &c.patches[0]
}
