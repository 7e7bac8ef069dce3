// Package csource reads C source the way the Xen tree writes it, without a
// compiler: a tolerant scanner for one file, an index over a tree, what Kbuild
// and a .config compile, and what a preprocessor makes of a unit.
//
// It knows GNU C and Xen's macros that stand where the language has keywords.
// It does not check types and does not resolve overloads made by macros; lines
// that it cannot place are reported as such and never guessed.
package csource

// A File is what the scanner found in one source file. Lines count from 1;
// everything is in the order of the file. A File does not change after Scan and
// may be read by several goroutines.
type File struct {
	Path     string
	Lines    int
	Funcs    []Func
	Protos   []Proto
	Types    []Type
	Vars     []Var
	Calls    []Call
	Macros   []Macro
	Includes []Include
	Asm      []Span // assembly: asm() at file scope, #ifdef __ASSEMBLY__, .S files
	Lost     []Span // code lines that belong to nothing the scanner knows

	plain  []Span // code that defines nothing: forward declarations, lone semicolons
	dead   []Span // between #if 0 and its end
	text   string
	places places
}

// A Span is a run of lines, both ends included.
type Span struct{ Start, End int }

// Contains tells whether line lies in the span.
func (s Span) Contains(line int) bool { return s.Start <= line && line <= s.End }

// An Inline says what a definition asks of the inliner.
type Inline uint8

const (
	InlineNone   Inline = iota // nothing: the compiler decides
	InlineHint                 // inline
	InlineAlways               // always_inline, __attribute__((always_inline))
	InlineNever                // noinline, __attribute__((noinline))
	InlineExtern               // extern inline with gnu_inline: no body of its own
)

// A Func is a function definition, or a symbol of a .S file (with "asm" as its
// only attribute; it reaches to END, or to the next symbol). Span starts at its first specifier and ends
// with the closing brace; Open is the line of the opening brace; BodyStart and
// BodyEnd are byte offsets of the braces in the source.
type Func struct {
	Span
	Name               string
	NameLine           int
	Open               int
	BodyStart, BodyEnd int
	Result             string // specifiers and type before the name, one space between words
	Params             string // between the parentheses, one space between words
	Static             bool
	Inline             Inline
	Attrs              []string // markers and attributes as written: __init, cf_check, noreturn ...
	Section            string   // section the attributes name, such as .init.text; empty for .text
	Statics            []Var    // static locals
	Macro              string   // name of the macro invocation that makes it, empty if written out
	Cond               string   // innermost #if around it, as an expression; empty for none but the include guard

	from int // offset of the first specifier
}

// A Proto is a function declaration without a body.
type Proto struct {
	Span
	Name   string
	Result string
	Params string
	Static bool
	Attrs  []string
	Cond   string

	from, to int
}

// A Type is a struct, union, enum or typedef definition. Nested named types
// have entries of their own; members of nested anonymous ones are listed in
// the outer type in their place.
type Type struct {
	Span
	Kind    string // "struct", "union", "enum", "typedef"
	Name    string // tag, or the typedef's name; empty for anonymous; typedef struct {} t is a typedef with members
	Of      string // what a typedef without a body of its own stands for
	Members []Member
	Attrs   []string // __packed, __aligned(16) ...
	Cond    string

	from, to int
}

// A Member is one member of a struct or union, or one enumerator.
type Member struct {
	Name  string
	Type  string // type with pointers and array bounds, normalised; value text for enumerators
	Bits  string // bit-field width text
	Line  int
	Cond  string
	Outer string // dotted names of anonymous or named nested types that hold it
}

// A Var is a variable at file scope, or a static local. The variable of a macro
// that registers something, such as boolean_param("smt", opt_smt), has the name
// of what it registers and the macro's arguments as its initialiser.
type Var struct {
	Span
	Name    string
	Type    string // normalised, with array bounds
	Static  bool
	Extern  bool // a declaration only
	Const   bool
	PerCPU  bool
	Init    string // text of the initialiser, white space folded; empty if none
	Attrs   []string
	Section string // section that the attributes or the defining macro name
	Macro   string // defining macro: DEFINE_PER_CPU, DEFINE_SPINLOCK, custom_param ...
	Cond    string

	from, to int
}

// A Call is a macro invocation at file scope that is not known to define data:
// DEFINE_XEN_GUEST_HANDLE(evtchn_op_compat_t), CHECK_dmop_buf, EMIT_FILE. Name
// is the macro; Args is nil when it stands without parentheses.
type Call struct {
	Span
	Name string
	Args []string
	Cond string

	from, to int
}

// A Macro is one #define, or one #undef (Undef).
type Macro struct {
	Span
	Name   string
	Params []string // nil for object-like, empty and not nil for F()
	Body   string   // continuation lines joined, comments removed, white space folded
	Undef  bool
	Cond   string
}

// An Include is one #include. Path is as written, without quotes or brackets;
// computed includes keep the macro's text.
type Include struct {
	Path   string
	System bool // <...>
	Line   int
}
