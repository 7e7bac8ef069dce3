package strict

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

func (d *Doc) decode(body ast.Node, v any) {
	target := reflect.ValueOf(v)
	if target.Kind() != reflect.Pointer || target.Elem().Kind() != reflect.Struct {
		panic(fmt.Sprintf("strict: Decode into %T, want a pointer to a struct", v))
	}
	d.places[""] = place{1, 1}
	if body == nil {
		return
	}
	d.value(body, target.Elem(), "", 0)
}

var textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

// value reads one node into v, which is settable.
func (d *Doc) value(n ast.Node, v reflect.Value, path string, depth int) {
	at := placeOf(n)
	if _, known := d.places[path]; !known || path == "" {
		d.places[path] = at
	}
	if depth > maxDepth {
		d.add(at, path, "nested more than %d deep", maxDepth)
		return
	}
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		d.add(at, path, "anchors, aliases and tags are not read here; write the value out")
		return
	case *ast.NullNode:
		d.add(d.places[path], path, "no value; give %s or leave the key out", kind(v.Type()))
		return
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	if v.CanAddr() && v.Addr().Type().Implements(textUnmarshaler) {
		d.text(n, v, path, at)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, path, depth, at)
	case reflect.Map:
		d.mapping(n, v, path, depth, at)
	case reflect.Slice:
		d.sequence(n, v, path, depth, at)
	default:
		d.scalar(n, v, path, at)
	}
}

// pairs gives the key and value nodes of a mapping, without those whose key is
// no plain word or was given before.
func (d *Doc) pairs(n ast.Node, path string, at place, want reflect.Type) []*ast.MappingValueNode {
	m, ok := n.(ast.MapNode)
	if !ok {
		d.wrong(n, path, at, want)
		return nil
	}
	var list []*ast.MappingValueNode
	seen := map[string]int{}
	for it := m.MapRange(); it.Next(); {
		key := it.Key()
		name, ok := scalarText(key)
		if !ok || key.IsMergeKey() || name == "" {
			d.add(placeOf(key), path, "a key is a plain word")
			continue
		}
		if line, twice := seen[name]; twice {
			d.add(placeOf(key), join(path, name), "given twice; the first is on line %d", line)
			continue
		}
		seen[name] = placeOf(key).line
		list = append(list, it.KeyValue())
	}
	return list
}

func (d *Doc) structure(n ast.Node, v reflect.Value, path string, depth int, at place) {
	fields := map[string]int{}
	var names []string
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		if name != "" && name != "-" {
			fields[name] = i
			names = append(names, name)
		}
	}
	for _, pair := range d.pairs(n, path, at, v.Type()) {
		name, _ := scalarText(pair.Key)
		i, ok := fields[name]
		if !ok {
			d.add(placeOf(pair.Key), join(path, name), "unknown key%s", instead(name, names))
			continue
		}
		d.places[join(path, name)] = placeOf(pair.Key)
		d.value(pair.Value, v.Field(i), join(path, name), depth+1)
	}
}

func (d *Doc) mapping(n ast.Node, v reflect.Value, path string, depth int, at place) {
	pairs := d.pairs(n, path, at, v.Type())
	if v.IsNil() {
		v.Set(reflect.MakeMapWithSize(v.Type(), len(pairs)))
	}
	for _, pair := range pairs {
		name, _ := scalarText(pair.Key)
		key := reflect.ValueOf(name).Convert(v.Type().Key())
		elem := reflect.New(v.Type().Elem()).Elem()
		if old := v.MapIndex(key); old.IsValid() {
			elem.Set(old) // what the file leaves out of it stays
		}
		d.places[join(path, name)] = placeOf(pair.Key)
		before := len(d.problems)
		d.value(pair.Value, elem, join(path, name), depth+1)
		if len(d.problems) == before {
			v.SetMapIndex(key, elem)
		}
	}
}

func (d *Doc) sequence(n ast.Node, v reflect.Value, path string, depth int, at place) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		d.wrong(n, path, at, v.Type())
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values)))
	for i, item := range s.Values {
		d.value(item, v.Index(i), fmt.Sprintf("%s[%d]", path, i), depth+1)
	}
}

func (d *Doc) text(n ast.Node, v reflect.Value, path string, at place) {
	s, ok := scalarText(n)
	if !ok {
		d.wrong(n, path, at, v.Type())
		return
	}
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s)); err != nil {
		d.add(at, path, "%v", err)
	}
}

func (d *Doc) scalar(n ast.Node, v reflect.Value, path string, at place) {
	switch v.Kind() {
	case reflect.String:
		if s, ok := scalarText(n); ok {
			v.SetString(s)
			return
		}
	case reflect.Bool:
		if b, ok := n.(*ast.BoolNode); ok {
			v.SetBool(b.Value)
			return
		}
	case reflect.Int:
		if i, ok := n.(*ast.IntegerNode); ok {
			if x, err := strconv.ParseInt(i.GetToken().Value, 10, 32); err == nil {
				v.SetInt(x)
				return
			}
		}
	case reflect.Float64:
		if f, ok := number(n); ok {
			v.SetFloat(f)
			return
		}
	default:
		panic(fmt.Sprintf("strict: no way to read a %s", v.Type()))
	}
	d.wrong(n, path, at, v.Type())
}

func number(n ast.Node) (float64, bool) {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		f, err := strconv.ParseFloat(n.GetToken().Value, 64)
		return f, err == nil && !math.IsInf(f, 0) && !math.IsNaN(f)
	}
	return 0, false
}

// scalarText is the text of a string or a number, the latter as written.
func scalarText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		if n.Value == nil {
			return "", true
		}
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func (d *Doc) wrong(n ast.Node, path string, at place, want reflect.Type) {
	d.add(at, path, "found %s, expected %s", found(n), kind(want))
}

func found(n ast.Node) string {
	switch n.(type) {
	case ast.MapNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.BoolNode:
		return "true or false"
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "the number " + n.GetToken().Value
	}
	return "something else"
}

// kind says in words what a Go type asks of the file.
func kind(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if reflect.PointerTo(t).Implements(textUnmarshaler) {
		return "text"
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return "a mapping (key: value)"
	case reflect.Slice:
		return "a list (- item)"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	}
	return "text"
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// instead names the known key that was perhaps meant, else all of them.
func instead(name string, known []string) string {
	for _, k := range known {
		if distance(name, k) <= 2 {
			return fmt.Sprintf("; did you mean %q?", k)
		}
	}
	sorted := slices.Sorted(slices.Values(known))
	return "; known here: " + strings.Join(sorted, ", ")
}

// distance is the number of letters to insert, delete or replace to get from a
// to b. Long words, which nobody mistypes a key into, are far from everything.
func distance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
