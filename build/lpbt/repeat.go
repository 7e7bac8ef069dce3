package lpbt

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"lpready/build/internal/run"
)

// repeatable takes out of a payload what chance put in: the numbers of __func__,
// which the differ seeds with the time so that no two payloads share a name, and the
// payload's build-id, which digests them. Both become digests of the content: a
// payload that differs in anything keeps names of its own, and the same content has
// the same build-id whichever way it was built. Debugging information goes, too: it
// holds the folders of the build, and counts for the 2 MiB that a hypervisor takes.
func repeatable(ctx context.Context, name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	set, err := contents(data)
	if err != nil {
		return err
	}
	content := fmt.Appendln(nil, len(set))
	for _, what := range slices.Sorted(maps.Keys(set)) {
		content = fmt.Appendln(content, set[what], what)
	}
	names, err := renamed(data, sha256.Sum256(content))
	if err != nil {
		return err
	}
	aside := name + ".new"
	defer os.Remove(aside)
	// objcopy writes a file otherwise than ld and strip do, so it has to run even
	// where there is nothing to rename.
	cmd := run.Cmd{Name: "objcopy", Args: slices.Concat([]string{"--strip-debug", "--keep-file-symbols"}, names, []string{name, aside}), Timeout: 10 * time.Minute, Hint: "install binutils"}
	if _, err := cmd.Run(ctx); err != nil {
		return err
	}
	if data, err = os.ReadFile(aside); err != nil {
		return err
	}
	id := sha1.Sum(content)
	if err := setBuildID(data, id[:]); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	if err := os.WriteFile(aside, data, 0o700); err != nil {
		return err
	}
	return os.Rename(aside, name)
}

// renamed are arguments of objcopy, for every symbol with a number by chance.
func renamed(data []byte, seed [32]byte) (args []string, err error) {
	f, err := readObject(data)
	if err != nil {
		return nil, err
	}
	taken := map[string]bool{}
	for n, y := range f.symbols {
		if !numbered.MatchString(y.Name) || taken[y.Name] {
			continue
		}
		taken[y.Name] = true
		sum := sha256.Sum256(fmt.Appendln(seed[:], n, steady(y.Name)))
		args = append(args, "--redefine-sym", fmt.Sprintf("%s=%s.%d", y.Name, steady(y.Name), binary.LittleEndian.Uint32(sum[:])))
	}
	return args, nil
}

// setBuildID writes an id over that in the note.
func setBuildID(data, id []byte) error {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return err
	}
	s := f.Section(".note.gnu.build-id")
	const header = 16
	if s == nil || s.Size != uint64(header+len(id)) || s.Offset+s.Size > uint64(len(data)) {
		return fmt.Errorf("expected a build-id of %d bytes", len(id))
	}
	copy(data[s.Offset+header:], id)
	return nil
}
