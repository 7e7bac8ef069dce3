package tree

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"lpready/build/internal/run"
	"lpready/vendors"
)

// git opens a commit with the queue that lies on top.
func (o *opener) git(src vendors.Git) (*Tree, error) {
	r := repo{o.ctx, src.Repo}
	commit, err := r.commit(src.Ref)
	if err != nil {
		return nil, err
	}
	t := &Tree{From: fmt.Sprintf("git repository %s, %s (commit %.12s)", src.Repo, src.Ref, commit), Commit: commit}
	c, err := o.checkout(t, r, commit)
	if err != nil {
		return nil, err
	}
	if src.Lacks != "" {
		t.Warnings = append(t.Warnings, lacks(src))
	}
	return o.finish(t, c, src.Queue)
}

func lacks(src vendors.Git) string {
	return "this is not all of the base: it lacks " + src.Lacks
}

// commit is the commit that a ref names.
func (r repo) commit(ref string) (string, error) {
	commit, err := r.text("rev-parse", "--verify", "--end-of-options", ref+"^{commit}")
	if err != nil {
		return "", fmt.Errorf("git repository %s: ref %s: %w", r.dir, ref, err)
	}
	return strings.TrimSpace(commit), nil
}

// checkout reads the files of a commit, object by object. git archive would do
// it in one go, but it runs the filters and follows the attributes of the
// repository: its bytes are not always those of the commit, and a foreign
// repository could start programs.
func (o *opener) checkout(t *Tree, r repo, commit string) (*image, error) {
	args := []string{"ls-tree", "-r", "-z", "--full-tree", commit}
	if !o.whole {
		args = append(args, "--", "xen/")
	}
	listing, err := r.text(args...)
	if err != nil {
		return nil, fmt.Errorf("git repository %s: %w", r.dir, err)
	}
	blobs, err := parseListing(listing)
	if err != nil {
		return nil, fmt.Errorf("git repository %s: %w", r.dir, err)
	}
	keep := o.keeper(nil)
	if err := r.blobs(keep, blobs); err != nil {
		return nil, fmt.Errorf("git repository %s: %w", r.dir, err)
	}
	if !keep.has("xen/") {
		return nil, fmt.Errorf("git repository %s: no xen/ in %s; expected the source of Xen", r.dir, commit)
	}
	return keep.image(t, ""), nil
}

// A repo is a git repository on this machine.
type repo struct {
	ctx context.Context
	dir string
}

// command is git as we trust it: without the user's and the system's settings,
// hooks, replaced objects, fetching, questions. Ownership is not asked about,
// because nothing that the repository says is run.
func (r repo) command(args ...string) run.Cmd {
	return run.Cmd{
		Name: "git",
		Args: append([]string{
			"--no-pager", "-C", r.dir, "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false",
			"-c", "protocol.allow=never", "-c", "safe.directory=*",
		}, args...),
		Env: run.Env(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_NO_REPLACE_OBJECTS=1",
			"GIT_NO_LAZY_FETCH=1", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0"),
		Hint: "install git",
	}
}

// text runs git for its output.
func (r repo) text(args ...string) (string, error) {
	cmd := r.command(args...)
	cmd.Keep = 64 << 20
	res, err := cmd.Run(r.ctx)
	if err != nil {
		return "", err
	}
	if res.Lost > 0 {
		return "", fmt.Errorf("git %s: more than %d bytes: %w", args[0], cmd.Keep, errLimit)
	}
	return res.Stdout, nil
}

// A blob is a file of a commit.
type blob struct {
	name, id   string
	link, exec bool
}

var treeLine = regexp.MustCompile(`^([0-7]{6}) (blob|commit) ([0-9a-f]{40}|[0-9a-f]{64})\t`)

// parseListing reads what git ls-tree -r -z prints. Submodules are passed over.
func parseListing(listing string) ([]blob, error) {
	var list []blob
	for line := range strings.SplitSeq(listing, "\x00") {
		if line == "" {
			continue
		}
		m := treeLine.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("git ls-tree printed %q", line)
		}
		name := line[len(m[0]):]
		if !local(name) {
			return nil, fmt.Errorf("name %q leads out of the tree", name)
		}
		if m[2] == "blob" {
			list = append(list, blob{name: name, id: m[3], link: m[1] == "120000", exec: m[1] == "100755"})
		}
	}
	return list, nil
}

// blobs has git print the contents of a list of files, and keeps them.
func (r repo) blobs(keep *keeper, list []blob) error {
	var ids bytes.Buffer
	for _, b := range list {
		fmt.Fprintln(&ids, b.id)
	}
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	pipe, out := io.Pipe()
	cmd := r.command("cat-file", "--batch")
	cmd.Stdin, cmd.Stdout = &ids, out
	ran := make(chan error, 1)
	go func() {
		_, err := cmd.Run(ctx)
		out.CloseWithError(err) // EOF where there is no error
		ran <- err
	}()
	err := keep.batch(bufio.NewReaderSize(pipe, 1<<16), list)
	cancel() // git has nothing to say any more
	pipe.CloseWithError(err)
	<-ran
	return err
}

// batch reads what git cat-file --batch prints: for each file a line with id,
// type and size, its bytes, a line feed.
func (k *keeper) batch(r *bufio.Reader, list []blob) error {
	for _, b := range list {
		line, err := r.ReadString('\n')
		if err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
		words := strings.Fields(line)
		if len(words) != 3 || words[0] != b.id || words[1] != "blob" {
			return fmt.Errorf("%s: git cat-file printed %q", b.name, line)
		}
		size, err := strconv.ParseInt(words[2], 10, 64)
		if err != nil || size < 0 || size > k.o.limits.File {
			return fmt.Errorf("%s: %s bytes: %w", b.name, words[2], errLimit)
		}
		data := make([]byte, size)
		if _, err := io.ReadFull(r, data); err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
		if _, err := r.Discard(1); err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
		if b.link {
			k.links[b.name] = string(data)
			continue
		}
		k.program(b.name, b.exec)
		if err := k.add(b.name, data); err != nil {
			return err
		}
	}
	return nil
}
