package boot

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"lpready/analyze/match"
)

// A console is what Xen and the dom0 kernel said, by the step during which they did.
type console struct {
	before []string // the first step
	steps  map[int][]string
}

// markForm is what init.sh writes on the console when a step begins.
var markForm = regexp.MustCompile(`lpready: step (\d+)$`)

// maxLine is as long as Xen's own lines get.
const maxLine = 1024

func readConsole(data []byte) *console {
	c := &console{steps: map[int][]string{}}
	at := -1
	for l := range strings.Lines(string(data)) {
		l = printable(strings.TrimRight(l, "\r\n"))
		if m := markForm.FindStringSubmatch(l); m != nil {
			at, _ = strconv.Atoi(m[1])
			continue
		}
		if at < 0 {
			c.before = append(c.before, l)
		} else {
			c.steps[at] = append(c.steps[at], l)
		}
	}
	return c
}

// printable takes out what steers a terminal.
func printable(l string) string {
	l = strings.ToValidUTF8(l[:min(len(l), maxLine)], "?")
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, l)
}

// livepatch are the lines of Xen's livepatch code.
func livepatchLines(lines []string) (list []string) {
	for _, l := range lines {
		if _, text, ok := strings.Cut(l, "(XEN) "); ok {
			text = stampForm.ReplaceAllString(text, "")
			if strings.HasPrefix(text, "livepatch: ") {
				list = append(list, text)
			}
		}
	}
	return list
}

var stampForm = regexp.MustCompile(`^\[[^\]]*\] `)

// A Crash is the end of a hypervisor, as it told it itself.
type Crash struct {
	Panic   string  `json:"panic,omitempty"`   // what it died of
	RIP     *Frame  `json:"rip,omitempty"`     // where
	Trace   []Frame `json:"trace,omitempty"`   // Xen's call trace, at most maxFrames
	Payload bool    `json:"payload,omitempty"` // a payload's code is in it
	Faults  int     `json:"faults"`            // how many traces Xen began to print
}

// A Frame is a place in code: in the hypervisor or in a payload.
type Frame struct {
	Address string `json:"address"`
	Symbol  string `json:"symbol"`            // with the file before it where it is local to one
	Offset  uint64 `json:"offset"`            // in the symbol
	Payload string `json:"payload,omitempty"` // name, empty for the hypervisor
	Kind    string `json:"kind,omitempty"`    // R: the place itself, F: from a frame, S: from the stack
}

func (f Frame) String() string {
	s := fmt.Sprintf("%s+%#x", f.Symbol, f.Offset)
	if f.Payload != "" {
		s += " in payload " + f.Payload
	}
	return s
}

// maxFrames is enough of a trace to see where it came from.
const maxFrames = 32

var (
	ripForm   = regexp.MustCompile(`RIP:\s+[0-9a-f]+:\[<([0-9a-f]{16})>\] (\S+)\+(?:0x)?([0-9a-f]+)/0x[0-9a-f]+(?: \[(.+)\])?`)
	frameForm = regexp.MustCompile(`^\(XEN\) .*?\[<([0-9a-f]{16})>\] ([RFS]) (\S+)\+(?:0x)?([0-9a-f]+)/0x[0-9a-f]+(?: \[(.+)\])?`)
	faultForm = regexp.MustCompile(`----\[ Xen|\*\*\* DOUBLE FAULT \*\*\*`)
	panicForm = regexp.MustCompile(`Panic on CPU \d+:`)
	fatalForm = regexp.MustCompile(`FATAL (TRAP|PAGE FAULT)|Xen BUG at|Assertion .* failed|\*\*\* DOUBLE FAULT|FATAL TRAP`)
)

// readCrash finds the first crash of a hypervisor; nil if there is none.
func readCrash(lines []string, symbols *match.Hypervisor) *Crash {
	c := &Crash{}
	for i, l := range lines {
		if faultForm.MatchString(l) {
			c.Faults++
		}
		if m := ripForm.FindStringSubmatch(l); m != nil && c.RIP == nil {
			f := frameOf(m[1], "", m[2], m[3], m[4], symbols)
			c.RIP = &f
		}
		if m := frameForm.FindStringSubmatch(l); m != nil && len(c.Trace) < maxFrames && c.Faults < 2 && c.Panic == "" {
			c.Trace = append(c.Trace, frameOf(m[1], m[2], m[3], m[4], m[5], symbols))
		}
		if panicForm.MatchString(l) && c.Panic == "" && i+1 < len(lines) {
			c.Panic = strings.TrimSpace(withoutPrefix(lines[i+1]))
		}
	}
	for _, l := range lines {
		if c.Panic == "" && fatalForm.MatchString(l) {
			c.Panic = withoutPrefix(l)
		}
	}
	if c.Faults == 0 && c.Panic == "" {
		return nil
	}
	inPayload := func(f Frame) bool { return f.Payload != "" }
	c.Payload = c.RIP != nil && inPayload(*c.RIP) || slices.ContainsFunc(c.Trace, inPayload)
	return c
}

func withoutPrefix(l string) string {
	_, text, ok := strings.Cut(l, "(XEN) ")
	if !ok {
		text = l
	}
	return stampForm.ReplaceAllString(text, "")
}

// frameOf names a place: as Xen has it, and in the hypervisor by its own symbols, which
// know the file of what is local.
func frameOf(address, kind, symbol, offset, in string, symbols *match.Hypervisor) Frame {
	f := Frame{Address: "0x" + address, Symbol: symbol, Payload: in, Kind: kind}
	f.Offset, _ = strconv.ParseUint(offset, 16, 64)
	addr, err := strconv.ParseUint(address, 16, 64)
	if err != nil || symbols == nil || in != "" {
		return f
	}
	if s := symbolAt(symbols, addr); s != nil {
		f.Symbol, f.Offset = s.Name, addr-s.Addr
		if s.Local && s.File != "" {
			f.Symbol = s.File + "#" + s.Name
		}
	}
	return f
}

// symbolAt is the function that holds an address, nil if none does.
func symbolAt(h *match.Hypervisor, addr uint64) *match.Symbol {
	i, found := slices.BinarySearchFunc(h.Symbols, addr, func(s match.Symbol, a uint64) int {
		switch {
		case s.Addr < a:
			return -1
		case s.Addr > a:
			return 1
		}
		return 0
	})
	if !found {
		i--
	}
	if i < 0 || addr-h.Symbols[i].Addr >= h.Symbols[i].Size {
		return nil
	}
	return &h.Symbols[i]
}
