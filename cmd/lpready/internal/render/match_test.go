package render

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"lpready/analyze/match"
)

// matched is a comparison whose names try to steer what shows them.
func matched() *match.Result {
	size := func(n uint64) *uint64 { return &n }
	because := match.Because{Kind: match.ByUse, Options: []string{"CONFIG_SHADOW_PAGING"}, May: true, Via: []string{"paging_mode_shadow"}, Source: "xen/a.c"}
	return &match.Result{
		Shipped: match.Side{Symbols: 4496, BuildID: "39a640e6", Compiler: "GCC: \x1b[31m 12.2.0", Options: 77, Embedded: true},
		Rebuilt: match.Side{Symbols: 4495, Compiler: "GCC: 13.1.0 | <b>", Options: 77},
		Counts:  match.Counts{SameSize: 4494, CodeDiffers: 1, SizeDiffers: 1, OnlyShipped: 1, LabelsSame: 242},
		Options: []match.Option{
			{Name: "CONFIG_DEBUG_INFO", Rebuilt: "y", Effect: match.OnNothing},
			{Name: "CONFIG_GCC_VERSION", Shipped: "120200", Rebuilt: "130100", Effect: match.OnCompiler},
			{Name: "CONFIG_SHADOW_PAGING", Shipped: "y", Effect: match.OnCode},
		},
		Reasons: []match.Reason{
			{Kind: match.ByUse, Options: because.Options, May: true, Says: "it uses a macro or a function that asks for CONFIG_SHADOW_PAGING", Count: 2, Examples: []string{"do_memory_op"}},
			{Kind: match.BySource, Says: "the source differs: a patch is missing, or there is one too many", Count: 1, Examples: []string{"=cmd()\u202e"}, Sources: []string{"xen/a.c"}},
		},
		Differences: []match.Difference{
			{Name: "do_memory_op", Change: match.Code, Shipped: size(10), Rebuilt: size(10), Reason: because},
			{File: "common/a.c", Name: "=cmd()\u202e", Change: match.OnlyShipped, Shipped: size(7), Reason: match.Because{Kind: match.BySource}},
			{File: "common/a.c", Name: "f.isra.0", Change: match.Clone, As: "f", Shipped: size(7), Rebuilt: size(8), Reason: because},
		},
		Warnings: []string{"warn\x07"},
	}
}

// TestMatchHarmless wants no format to pass on what steers a terminal, a spreadsheet
// or Markdown, and no line of a table to be too wide.
func TestMatchHarmless(t *testing.T) {
	for _, format := range Formats() {
		var b bytes.Buffer
		if err := Match(&b, format, Options{}, time.Unix(0, 0).UTC(), matched()); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(b.String(), "\x1b\x07\u202e") || format == "markdown" && strings.Contains(b.String(), "<b>") {
			t.Errorf("%s passes control characters on:\n%q", format, b.String())
		}
		for l := range strings.Lines(b.String()) {
			if w := width(strings.TrimSuffix(l, "\n")); format == "table" && w > DefaultWidth {
				t.Errorf("%d columns: %s", w, l)
			}
		}
	}
	if err := Match(new(bytes.Buffer), "html", Options{}, time.Time{}, matched()); err == nil {
		t.Error("an unknown format was written")
	}
}

// TestMatchText wants the answer, both hypervisors, options by what they can change,
// and reasons with how sure they are.
func TestMatchText(t *testing.T) {
	for _, format := range []string{"table", "markdown"} {
		var b bytes.Buffer
		if err := Match(&b, format, Options{}, time.Time{}, matched()); err != nil {
			t.Fatal(err)
		}
		got := strings.ReplaceAll(strings.Join(strings.Fields(b.String()), " "), `\_`, "_")
		for _, want := range []string{
			"does not match: 4494 of 4496 symbols of the shipped hypervisor with the same size, 1 of them with other instructions, 1 with another size, 1 missing in the rebuilt one",
			"4496 symbols of code, build-id 39a640e6", "embeds its configuration", "its configuration was given",
			"CONFIG_SHADOW_PAGING (shipped: y, rebuilt: off)", "CONFIG_GCC_VERSION (shipped: 120200, rebuilt: 130100)", "CONFIG_DEBUG_INFO (shipped: off, rebuilt: y)",
			"do_memory_op ...", `warn\x07`,
		} {
			want := want
			if format == "markdown" {
				want = strings.NewReplacer(`\x07`, `\\x07`).Replace(want)
			}
			if !strings.Contains(got, want) {
				t.Errorf("%s without %q:\n%s", format, want, b.String())
			}
		}
		if !strings.Contains(got, "perhaps: it uses") || strings.Contains(got, "perhaps: the source") {
			t.Errorf("%s:\n%s", format, b.String())
		}
	}
	var b bytes.Buffer
	same := &match.Result{Matches: true, CodeCompared: true, SameCompiler: true, Shipped: match.Side{Symbols: 1}, Rebuilt: match.Side{Symbols: 1}, Counts: match.Counts{SameSize: 1}}
	if err := Match(&b, "table", Options{}, time.Time{}, same); err != nil || !strings.HasSuffix(b.String(), "\n\nmatches: 1 of 1 symbol of the shipped hypervisor with the same size and the same instructions\n") {
		t.Errorf("%v:\n%s", err, b.String())
	}
}

func TestMatchRecords(t *testing.T) {
	var b bytes.Buffer
	if err := Match(&b, "json", Options{}, time.Unix(0, 0).UTC(), matched()); err != nil {
		t.Fatal(err)
	}
	var record struct {
		Schema, Command, Generated string
		Counts                     map[string]int
		Options                    []map[string]string
		Differences                []struct {
			Name, File, Change, As string
			Shipped, Rebuilt       *int
			Reason                 struct{ Kind string }
		}
	}
	if err := json.Unmarshal(b.Bytes(), &record); err != nil {
		t.Fatal(err)
	}
	if record.Schema != "lpready/v1" || record.Command != "match" || record.Generated != "1970-01-01T00:00:00Z" || record.Counts["same_size"] != 4494 || record.Options[2]["effect"] != "code" {
		t.Errorf("%+v", record)
	}
	if d := record.Differences; len(d) != 3 || d[1].Rebuilt != nil || *d[2].Rebuilt != 8 || d[2].As != "f" || d[0].Reason.Kind != "uses" {
		t.Errorf("%+v", record.Differences)
	}
	b.Reset()
	if err := Match(&b, "csv", Options{}, time.Time{}, matched()); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"common/a.c", `'=cmd()\u202e`, "only-shipped", "", "7", "", "source", "", "false", "", ""}
	if len(rows) != 4 || strings.Join(rows[2], ",") != strings.Join(want, ",") {
		t.Errorf("%q, expected %q", rows, want)
	}
}
