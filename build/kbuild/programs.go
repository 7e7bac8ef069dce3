package kbuild

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
)

// Programs names the compiler of a request and the programs that take part when it
// compiles, by their content: two packages of one version are told apart.
func Programs(ctx context.Context, req Request) (string, error) {
	tools, err := toolsFor(ctx, req)
	if err != nil {
		return "", err
	}
	return tools.programs, nil
}

// parts are programs that the compiler calls.
var parts = []string{"cc1", "as"}

// identify digests the compiler and what it calls.
func (t *toolchain) identify(ctx context.Context, cc string) (string, error) {
	names := []string{cc, t.cross + "ld", t.cross + "objcopy"}
	for _, part := range parts {
		res, err := command("", nil, cc, "-print-prog-name="+part).Run(ctx)
		if err != nil {
			return "", err
		}
		names = append(names, strings.TrimSpace(res.Stdout))
	}
	h := sha256.New()
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			fmt.Fprintf(h, "%s: none\n", name) // clang has no cc1 of its own
			continue
		}
		sum, err := programDigest(path)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s\n", sum)
	}
	return fmt.Sprintf("%s, programs %.12s", cmp.Or(t.compiler, cc), hex.EncodeToString(h.Sum(nil))), nil
}

// digests are those of programs, by path, size and time.
var digests sync.Map

func programDigest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	key := fmt.Sprintf("%s %d %d", path, info.Size(), info.ModTime().UnixNano())
	if sum, ok := digests.Load(key); ok {
		return sum.(string), nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	sum := hex.EncodeToString(h.Sum(nil))
	digests.Store(key, sum)
	return sum, nil
}
