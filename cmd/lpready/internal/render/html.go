package render

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"strings"
	"time"

	"lpready/analyze"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// A page is what a report says as one HTML file: without scripts, and without
// anything from elsewhere. Charts are SVG; whatever a chart shows stands in a
// table, too.
type page struct {
	Title, About, Lead, Mood, Foot string
	Style                          template.CSS
	Facts                          []line
	Sections                       []section
}

type section struct {
	ID, Title string
	Notes     []string
	Chart     template.HTML // made by this package
	Tables    []htmlTable
	Parts     []part
}

// A part is one cell in depth.
type part struct {
	ID, Title, Class, Link string
	Facts                  []line
	Tables                 []htmlTable
}

type htmlTable struct {
	Name, Caption string
	Heat          bool
	Header        []htmlCell
	Rows          [][]htmlCell
}

type htmlCell struct {
	Text, Small, Class string
	Link               string
	Row                bool // heads its row
}

func (p *page) write(w io.Writer) error {
	p.Style = template.CSS(pageCSS)
	return pageTemplate.Execute(w, p)
}

// html writes a report as a page.
type html struct{}

func (html) Render(w io.Writer, r *analyze.Report) error {
	p := &page{Title: reportTitle(r), About: about(r), Foot: foot(r)}
	for _, l := range summarise(r) {
		p.Facts = append(p.Facts, l)
	}
	p.Sections = append(p.Sections, heatSection(r, nil), totalsSection(r), cellSection(r))
	p.warn(r)
	return p.write(w)
}

func reportTitle(r *analyze.Report) string {
	return fmt.Sprintf("Live patch %s: %s on %s", r.Command, count(len(items(r)), "item"), count(len(bases(r)), "base"))
}

func about(r *analyze.Report) string {
	s := "Made on " + day(r.Generated)
	if r.Vendor != "" {
		s += " for " + plain(r.Vendor)
	}
	return s + ". This file holds what may still be secret: keep it to those who may know."
}

func foot(r *analyze.Report) string {
	return "Made by lpready " + r.Command + " from contract " + r.Schema + "; the same numbers as JSON by --format json. A verdict is where an engineer starts: a payload that builds is not a payload that is safe."
}

func (p *page) warn(r *analyze.Report) {
	if len(r.Warnings) == 0 {
		return
	}
	s := section{ID: "warnings", Title: "Warnings"}
	for _, w := range r.Warnings {
		s.Notes = append(s.Notes, plain(w))
	}
	p.Sections = append(p.Sections, s)
}

var noID = regexp.MustCompile(`[^A-Za-z0-9]+`)

// anchor is the id of a cell's part of the page.
func anchor(c *analyze.Cell) string {
	return "cell-" + strings.Trim(noID.ReplaceAllString(item(c)+"-"+c.Base, "-"), "-")
}

// heatSection is the table of the verdicts: a row for each item, a column for each
// base. State, where set, says how far a cell is.
func heatSection(r *analyze.Report, state func(*analyze.Cell) string) section {
	ids := bases(r)
	t := htmlTable{Name: "Status", Heat: true, Caption: "Class and expected hours; each leads to its findings", Header: []htmlCell{{Text: "Item"}}}
	for _, id := range ids {
		t.Header = append(t.Header, htmlCell{Text: plain(id)})
	}
	at := map[string]int{}
	for i := range r.Cells {
		c := &r.Cells[i]
		n, known := at[item(c)]
		if !known {
			n = len(t.Rows)
			at[item(c)] = n
			row := make([]htmlCell, 1+len(ids))
			row[0] = htmlCell{Text: item(c), Small: plain(c.Title), Row: true}
			for k := range ids {
				row[k+1] = htmlCell{Text: "-"}
			}
			t.Rows = append(t.Rows, row)
		}
		for k, id := range ids {
			if id != c.Base {
				continue
			}
			small := cellHours(c) + " h"
			if state != nil {
				small += ", " + state(c)
			}
			t.Rows[n][k+1] = htmlCell{Text: string(c.Class), Small: small, Class: string(c.Class), Link: "#" + anchor(c)}
		}
	}
	return section{ID: "status", Title: "Status", Tables: []htmlTable{t}}
}

func totalsSection(r *analyze.Report) section {
	t := htmlTable{Name: "Totals", Header: heads("Class", "Cells:", "Hours:", "From - to:")}
	for _, s := range byClass(r) {
		t.Rows = append(t.Rows, []htmlCell{{Text: s.class}, {Text: fmt.Sprint(s.cells), Class: "n"}, {Text: fmt.Sprintf("%.1f", s.expected), Class: "n"}, {Text: s.span, Class: "n"}})
	}
	return section{ID: "totals", Title: "Totals", Tables: []htmlTable{t}}
}

// heads are header cells; a colon at the end is a column of numbers.
func heads(names ...string) []htmlCell {
	var list []htmlCell
	for _, n := range names {
		c := htmlCell{Text: strings.TrimSuffix(n, ":")}
		if strings.HasSuffix(n, ":") {
			c.Class = "n"
		}
		list = append(list, c)
	}
	return list
}

// cellSection tells of each cell: why, by what evidence, what is to be done.
func cellSection(r *analyze.Report) section {
	s := section{ID: "findings", Title: "Findings and remedies"}
	for i := range r.Cells {
		c := &r.Cells[i]
		p := part{ID: anchor(c), Title: fmt.Sprintf("%s on %s", item(c), plain(c.Base)), Class: string(c.Class), Link: publicLink(c, r.Generated)}
		for _, f := range facts(c) {
			p.Facts = append(p.Facts, line{f.Topic, plain(f.Says)})
		}
		if c.Port != nil {
			p.Facts = append(p.Facts, line{"Applies", plain(portStatus(c.Port))})
		}
		if n := len(c.Functions); n > 0 {
			p.Facts = append(p.Facts, line{"Functions", functionList(c)})
		}
		if t := findingTable(c); len(t.Rows) > 0 {
			p.Tables = append(p.Tables, t)
		}
		s.Parts = append(s.Parts, p)
	}
	return s
}

// publicLink is the advisory's own page, once that is public.
func publicLink(c *analyze.Cell, now time.Time) string {
	if c.XSA == 0 || c.Public == nil || c.Public.After(now) {
		return ""
	}
	return fmt.Sprintf("https://xenbits.xen.org/xsa/advisory-%d.html", c.XSA)
}

func functionList(c *analyze.Cell) string {
	const most = 8
	var names []string
	for _, f := range c.Functions[:min(most, len(c.Functions))] {
		names = append(names, fmt.Sprintf("%s (%s, %s)", f.Name, f.Object, f.Change))
	}
	s := strings.Join(names, ", ")
	if more := len(c.Functions) - most; more > 0 {
		s += fmt.Sprintf(" and %d more; JSON has them all", more)
	}
	return plain(s)
}

func findingTable(c *analyze.Cell) htmlTable {
	t := htmlTable{Name: "Findings of " + item(c) + " on " + plain(c.Base), Header: heads("Severity", "Finding", "Place", "What", "Remedy", "Evidence")}
	for i := range c.Findings {
		f := &c.Findings[i]
		t.Rows = append(t.Rows, []htmlCell{{Text: string(f.Severity), Class: "k"}, {Text: plain(f.ID), Class: "k"}, {Text: plain(f.Place())},
			{Text: plain(f.Message), Class: "long"}, {Text: plain(f.Remedy), Class: "long"}, {Text: string(f.Evidence), Class: "k"}})
	}
	return t
}

// htmlOf turns a table in words into one of the page. Columns of short words keep
// together; a long one is wrapped.
func htmlOf(pt planTable) htmlTable {
	t := htmlTable{Name: pt.title, Header: heads(pt.header...)}
	long := make([]bool, len(pt.header))
	const most = 28
	for _, row := range pt.rows {
		for k, s := range row {
			long[k] = long[k] || len(s) > most
		}
	}
	for _, row := range pt.rows {
		cells := make([]htmlCell, len(row))
		for k, s := range row {
			cells[k] = htmlCell{Text: plain(s)}
			switch {
			case t.Header[k].Class == "n":
				cells[k].Class = "n"
			case long[k]:
				cells[k].Class = "long"
			default:
				cells[k].Class = "k"
			}
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}
