package cli

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"lpready/build/boot"
)

// openBootFiles opens the packages and folders that --boot-files names.
func openBootFiles(ctx context.Context, cache string, names []string) (*boot.Files, error) {
	files, err := boot.OpenFiles(ctx, filepath.Join(cache, "boot"), names...)
	var path *fs.PathError
	if errors.As(err, &path) && !errors.Is(err, fs.ErrNotExist) {
		return nil, machine(err)
	}
	return files, input(err)
}
