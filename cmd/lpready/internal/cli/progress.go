package cli

import (
	"fmt"
	"strings"
	"time"

	"lpready/cmd/lpready/internal/render"
)

// progress returns a function that shows how far work has come, on one line of
// a terminal, and one that wipes the line. On anything but a terminal, or when
// asked to be quiet, both do nothing.
func (a *app) progress() (show func(done, total int, what string), wipe func()) {
	if !a.StderrTTY || a.quiet {
		return func(int, int, string) {}, func() {}
	}
	const every = 50 * time.Millisecond
	var last time.Time
	show = func(done, total int, what string) {
		if now := a.Now(); done == total || now.Sub(last) >= every {
			last = now
			fmt.Fprintf(a.Stderr, "\r\x1b[K%d/%d %s", done, total, brief(what))
		}
	}
	return show, func() { fmt.Fprint(a.Stderr, "\r\x1b[K") }
}

// brief keeps what came with the batch on one line of a terminal.
func brief(s string) string {
	runes := []rune(strings.ReplaceAll(render.Safe(s), "\n", " "))
	return string(runes[:min(len(runes), 60)])
}

// remark tells something on stderr that belongs to no result.
func (a *app) remark(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintln(a.Stderr, "lpready:", render.Safe(fmt.Sprintf(format, args...)))
	}
}

// detail is a remark for those who asked for more.
func (a *app) detail(format string, args ...any) {
	if a.verbose {
		a.remark(format, args...)
	}
}
