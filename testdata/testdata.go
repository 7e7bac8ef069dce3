// Package testdata is the sample that the program carries: a batch of made-up
// advisories in every format that real ones come in, a made-up vendor with two
// bases, and the small tree in the shape of Xen's that those bases are built
// from. README.md beside this file tells how each part was made.
package testdata

import "embed"

// Files holds sample/ (the batch, the vendor's profile and .config files, the
// key that signed the advisories) and tree/ (the source).
//
//go:embed sample tree
var Files embed.FS
