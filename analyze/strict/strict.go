// Package strict reads YAML files that people write by hand into Go structs and
// names every mistake in them with its place.
//
// The format is YAML 1.2 as goccy/go-yaml parses it, without anchors, aliases,
// tags and merge keys: a file that says each thing once, where it applies, can be
// checked by reading it. Unknown keys, keys given twice and values of the wrong
// kind are mistakes; all of them are reported together, in the order of the file.
// What the file leaves out keeps the value it had in the target, so that a file
// can be laid over defaults.
//
// Numbers are taken as written where text is wanted: xen: 4.20 is "4.20".
package strict

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Limits on what is read: these are files that a person wrote. The parser's time
// grows with the square of some inputs; this many bytes take seconds at worst.
const (
	maxBytes = 128 << 10
	maxDepth = 64
)

// A Problem is one mistake in a file. Line and Col count from 1; 0 means that
// the place is not known.
type Problem struct {
	File      string
	Line, Col int
	Path      string // "bases[0].commit"; empty for the whole file
	Message   string // what was found and what was expected
}

func (p Problem) String() string {
	s := p.File
	if p.Line > 0 {
		s = fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
	}
	if p.Path != "" {
		s += ": " + p.Path
	}
	return s + ": " + p.Message
}

// Problems is all that is wrong with a file, one line each.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

type place struct{ line, col int }

// A Doc is a file that was read: where each value stands, and what is wrong.
type Doc struct {
	name     string
	places   map[string]place
	problems Problems
}

// Decode reads data into v, a pointer to a struct whose fields carry yaml tags.
// Field types can be string, bool, int, float64, encoding.TextUnmarshaler,
// structs, pointers, slices and maps with string keys of these. The mistakes are
// in the Doc, which is never nil; v holds what could be read.
func Decode(name string, data []byte, v any) *Doc {
	d := &Doc{name: name, places: map[string]place{}}
	if len(data) > maxBytes {
		d.add(place{}, "", "%d bytes; at most %d are read", len(data), maxBytes)
		return d
	}
	if line := tooDeep(data); line > 0 {
		d.add(place{line, 1}, "", "nested more than %d deep", maxDepth)
		return d
	}
	body, at, err := parse(data)
	if err != nil {
		d.add(at, "", "%v", err)
		return d
	}
	d.decode(body, v)
	return d
}

// parse gives the one document of data; a nil node is an empty one. The parser
// is foreign code on hostile input: a panic in it is a syntax error here.
func parse(data []byte) (body ast.Node, at place, err error) {
	defer func() {
		if r := recover(); r != nil {
			body, err = nil, fmt.Errorf("not YAML (%v)", r)
		}
	}()
	// Keys given twice are found below, where all of them can be reported.
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var syntax yaml.Error
		if !errors.As(err, &syntax) || syntax.GetToken() == nil {
			return nil, place{}, fmt.Errorf("not YAML: %w", err)
		}
		pos := syntax.GetToken().Position
		return nil, place{pos.Line, pos.Column}, fmt.Errorf("not YAML: %s", syntax.GetMessage())
	}
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if body != nil {
			return nil, placeOf(doc.Body), fmt.Errorf("a second document; a file holds one")
		}
		body = doc.Body
	}
	return body, place{}, nil
}

// tooDeep gives the first line on which brackets or block structure nest deeper
// than maxDepth, or 0. It counts brackets in strings too, which real files do not
// have by the dozen; the point is to keep the recursive parser's stack small.
func tooDeep(data []byte) int {
	depth, line, col, blanks := 0, 1, 0, 0
	for _, c := range data {
		col++
		switch c {
		case '\n':
			line, col, blanks = line+1, 0, 0
			continue
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(0, depth-1)
		case ' ', '\t', '-', '?', ':':
			if blanks == col-1 {
				blanks = col // still in the lead of the line: one level each at most
			}
		}
		if depth > maxDepth || blanks > 4*maxDepth {
			return line
		}
	}
	return 0
}

// Has tells whether the file gives a value at path, right or wrong.
func (d *Doc) Has(path string) bool {
	_, ok := d.places[path]
	return ok
}

// Reject adds a problem with the value at path. Where the file has no such
// value, the problem points at the nearest thing around it.
func (d *Doc) Reject(path, format string, args ...any) {
	at, around := place{}, path
	for {
		if p, ok := d.places[around]; ok {
			at = p
			break
		}
		i := strings.LastIndexAny(around, ".[")
		if i < 0 {
			at = d.places[""]
			break
		}
		around = around[:i]
	}
	d.add(at, path, format, args...)
}

// Err gives all problems in the order of the file, as Problems, or nil.
func (d *Doc) Err() error {
	if len(d.problems) == 0 {
		return nil
	}
	ps := slices.Clone(d.problems)
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(ps)
}

func (d *Doc) add(at place, path, format string, args ...any) {
	d.problems = append(d.problems, Problem{
		File: d.name, Line: at.line, Col: at.col, Path: path, Message: fmt.Sprintf(format, args...),
	})
}

// placeOf is where a reader sees a node begin. The parser's token of a mapping
// is its first colon, hence the first key.
func placeOf(n ast.Node) place {
	if m, ok := n.(ast.MapNode); ok {
		if it := m.MapRange(); it.Next() {
			return placeOf(it.Key())
		}
	}
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return place{}
	}
	pos := n.GetToken().Position
	return place{pos.Line, pos.Column}
}
