package render

import (
	"fmt"
	"html/template"
	"strings"
	"time"
)

// A drawing is an SVG picture being made. Everything in it is drawn by class, so
// that the style sheet of the page gives it its colours, light or dark.
type drawing struct {
	b             strings.Builder
	width, height float64
}

// draw begins a picture. The title and the description stand for it where it
// cannot be seen.
func draw(id, title, says string, width, height float64) *drawing {
	d := &drawing{width: width, height: height}
	fmt.Fprintf(&d.b, `<svg viewBox="0 0 %g %g" role="img" aria-labelledby="%s-t %[3]s-d"><title id="%[3]s-t">%s</title><desc id="%[3]s-d">%s</desc>`,
		width, height, id, esc(title), esc(says))
	return d
}

func esc(s string) string { return template.HTMLEscapeString(plain(s)) }

func (d *drawing) done() template.HTML {
	d.b.WriteString("</svg>")
	return template.HTML(d.b.String()) // all text in it went through esc
}

func (d *drawing) rect(x, y, w, h float64, class, title string) {
	fmt.Fprintf(&d.b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" class="%s"`, x, y, max(w, 0), max(h, 0), class)
	if title == "" {
		d.b.WriteString("/>")
		return
	}
	fmt.Fprintf(&d.b, `><title>%s</title></rect>`, esc(title))
}

func (d *drawing) line(x1, y1, x2, y2 float64, class string) {
	fmt.Fprintf(&d.b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="%s"/>`, x1, y1, x2, y2, class)
}

// text writes at a place; anchor is start, middle or end.
func (d *drawing) text(x, y float64, anchor, class, s string) {
	fmt.Fprintf(&d.b, `<text x="%.1f" y="%.1f" text-anchor="%s" class="%s">%s</text>`, x, y, anchor, class, esc(s))
}

func (d *drawing) path(class string, points [][2]float64, closed bool) {
	var p strings.Builder
	for i, q := range points {
		op := "L"
		if i == 0 {
			op = "M"
		}
		fmt.Fprintf(&p, "%s%.1f %.1f", op, q[0], q[1])
	}
	if closed {
		p.WriteString("Z")
	}
	fmt.Fprintf(&d.b, `<path d="%s" class="%s"/>`, p.String(), class)
}

// A timeline maps times to places from left to right.
type timeline struct {
	from, to    time.Time
	left, right float64
}

func (t timeline) x(at time.Time) float64 {
	share := float64(at.Sub(t.from)) / float64(t.to.Sub(t.from))
	return t.left + min(max(share, 0), 1)*(t.right-t.left)
}

// days calls a function for the begin of every day, UTC; of a long time only for
// every so many.
func (t timeline) days(mark func(x float64, day time.Time)) {
	const most = 11
	step := 1 + int(t.to.Sub(t.from).Hours()/24/most)
	day := t.from.Truncate(24 * time.Hour)
	for i := 0; !day.After(t.to); i++ {
		if !day.Before(t.from) && i%step == 0 {
			mark(t.x(day), day)
		}
		day = day.AddDate(0, 0, 1)
	}
}

// weekends calls a function for every Saturday and Sunday.
func (t timeline) weekends(mark func(from, to float64)) {
	if t.to.Sub(t.from) > 120*24*time.Hour {
		return
	}
	for day := t.from.Truncate(24 * time.Hour); day.Before(t.to); day = day.AddDate(0, 0, 1) {
		if w := day.Weekday(); w == time.Saturday || w == time.Sunday {
			mark(t.x(day), t.x(day.AddDate(0, 0, 1)))
		}
	}
}
