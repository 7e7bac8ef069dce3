// Package patch reads patch files into patches, files and hunks, and applies
// them in memory with the rules of GNU patch -N -p1 --fuzz=0 (version 2.7.6),
// the way livepatch-build applies them.
//
// The format is unified diff as POSIX describes it for diff -u, with git's
// extended headers. Parsing rests on go-gitdiff; splitting, preambles and names
// are ours because real advisories concatenate patches, keep CRLF and carry
// hand-made headers. Context, normal and ed diffs are refused, and so are
// names that lead out of the tree.
//
// What it cannot see: the content of binary changes, file modes of a tree, and
// mail encodings (quoted-printable, base64), which are to be decoded before.
package patch

// A Patch is one change as its author sent it: a preamble and file changes.
type Patch struct {
	Name   string // the file it came from, as the user knows it
	Line   int    // 1-based line of that file where this patch starts
	Header Header
	Files  []File
}

// Added is the number of lines that the patch adds.
func (p *Patch) Added() int { return p.count(Add) }

// Removed is the number of lines that the patch removes.
func (p *Patch) Removed() int { return p.count(Delete) }

func (p *Patch) count(op Op) (n int) {
	for _, f := range p.Files {
		for _, h := range f.Hunks {
			for _, l := range h.Lines {
				if l.Op == op {
					n++
				}
			}
		}
	}
	return n
}

// A Header is what the preamble of a patch says. Fields that it lacks are empty.
type Header struct {
	Commit   string    // 40 hex digits of "From <commit>", empty if all zero
	From     string    // author as written, RFC 2047 decoded
	Date     string    // as written
	Subject  string    // unfolded, without [PATCH ...] tags
	Body     string    // the message up to "---" or the diffstat, trailers included
	Trailers []Trailer // in file order
}

// A Trailer is a "Key: value" line of a message, such as Signed-off-by.
type Trailer struct{ Key, Value string }

// A File is the change of one file. Names have no a/ or b/ prefix, use slashes,
// and are empty where the patch says /dev/null.
type File struct {
	OldName, NewName string
	New, Deleted     bool
	Renamed, Copied  bool
	Binary           bool
	// Bare says that the names have no leading part that -p1 could take off:
	// patch -p1 would look for another file, -p0 finds this one.
	Bare  bool
	Line  int // 1-based line in the patch file
	Hunks []Hunk

	git                bool   // has a "diff --git" header
	oldEmpty, newEmpty bool   // git's index line names the empty blob
	oldMode, newMode   uint32 // as git writes them, 0 if not said
}

// Name is the name of the file that the change is about: the new one, or the
// old one where the file is deleted.
func (f *File) Name() string {
	if f.NewName != "" {
		return f.NewName
	}
	return f.OldName
}

// A Hunk is one run of changed lines with its context. Line numbers are
// 1-based and count the lines of the file as the patch believes it to be.
type Hunk struct {
	OldStart, OldLines int
	NewStart, NewLines int
	Section            string // text after the second @@
	Line               int    // 1-based line of the @@ line in the patch file
	Lines              []Line
}

// An Op tells what a line of a hunk does.
type Op byte

const (
	Context Op = ' '
	Add     Op = '+'
	Delete  Op = '-'
)

// A Line is one line of a hunk. Text keeps its end of line; the last line of a
// file may have none ("\ No newline at end of file").
type Line struct {
	Op   Op
	Text string
}
