package render

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"lpready/build/payload"
)

// verifiedPayloads are results whose names try to steer what shows them.
func verifiedPayloads() *Verification {
	list := []*payload.Result{{
		Name: "one\x1b[31m", Bytes: 4096, Xen: "4.17", Release: "4.17.2", BaseBuildID: "39a640e6", XenDepends: "39a640e6", Depends: "39a640e6",
		Functions: []payload.Function{{Name: "common/a.c#f", New: "f", OldSize: 16, NewSize: 17, Version: 2}, {Name: "g\u202e", OldSize: 9, NewSize: 5, Version: 2}},
		Hooks:     []payload.Hook{{Kind: "preapply", Function: "<b>"}}, Metadata: []string{"author=\x07"},
		Made: 70,
		Findings: []payload.Finding{
			{Check: "symbol", Severity: payload.Refused, Message: "the base has no such symbol", Loader: "livepatch: one: Unknown symbol: =cmd()\x1b", Symbol: "=cmd()\x1b",
				Section: ".text", Relocation: "3 at 0x8", Source: "xen/common/livepatch_elf.c: livepatch_elf_resolve_symbols", Remedy: "call something else", More: 7},
			{Check: "reapply", Severity: payload.Note, Message: "it has data", Source: "lpready", Remedy: "unload"},
		},
		NotMade:  []payload.Unmade{{Check: "a", Why: "why\x07"}, {Check: "c", Why: "other"}, {Check: "b", Why: "why\x07"}},
		Warnings: []string{"warn\x07"},
	}, {Name: "two", Accepted: true, Bytes: 1, Made: 3}}
	v := &Verification{}
	for _, r := range list {
		v.Payloads = append(v.Payloads, Verified{Result: r})
	}
	return v
}

// TestVerifyHarmless wants no format to pass on what steers a terminal, a
// spreadsheet or Markdown, and no line of a table to be too wide.
func TestVerifyHarmless(t *testing.T) {
	for _, format := range Formats() {
		var b bytes.Buffer
		if err := Verify(&b, format, Options{}, time.Unix(0, 0).UTC(), verifiedPayloads()); err != nil {
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
	if err := Verify(new(bytes.Buffer), "html", Options{}, time.Time{}, nil); err == nil {
		t.Error("an unknown format was written")
	}
}

// TestVerifyText wants the verdict, the payload, and each finding with its place,
// the loader's words, its source and its remedy.
func TestVerifyText(t *testing.T) {
	for _, format := range []string{"table", "markdown"} {
		var b bytes.Buffer
		if err := Verify(&b, format, Options{}, time.Time{}, verifiedPayloads()); err != nil {
			t.Fatal(err)
		}
		got := strings.ReplaceAll(strings.Join(strings.Fields(b.String()), " "), `\`, "")
		for _, want := range []string{
			"2 payloads verified: 1 accepted, 1 refused", "[31m: refused", "two: accepted", "Xen 4.17.2, build-id 39a640e6",
			"common/a.c#f (16 -> 17)", "(5 of 9 become nothing)", "preapply", "70 made, 3 not made", "x07: a, b", "other: c",
			"relocation 3 at 0x8: the base has no such symbol (and 7 more)", "Unknown symbol: ", "livepatch_elf_resolve_symbols", "call something else",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("%s without %q:\n%s", format, want, b.String())
			}
		}
	}
}

// TestVerifyRecords wants keys and rows that programs can rely on.
func TestVerifyRecords(t *testing.T) {
	var b bytes.Buffer
	if err := Verify(&b, "json", Options{}, time.Unix(0, 0).UTC(), verifiedPayloads()); err != nil {
		t.Fatal(err)
	}
	var record struct {
		Schema, Command, Generated string
		Payloads                   []struct {
			Name      string
			Accepted  bool
			Functions []struct {
				Name    string
				OldSize int `json:"old_size"`
			}
			Findings []struct{ Check, Severity, Symbol, Remedy string }
			NotMade  []map[string]string `json:"not_made"`
		}
		Totals map[string]int
	}
	if err := json.Unmarshal(b.Bytes(), &record); err != nil {
		t.Fatal(err)
	}
	if p := record.Payloads; record.Command != "verify" || record.Totals["refused"] != 1 || len(p) != 2 || p[0].Functions[0].OldSize != 16 ||
		p[0].Findings[0].Severity != "refused" || p[0].NotMade[1]["check"] != "c" || !p[1].Accepted {
		t.Errorf("%+v", record)
	}
	for from, to := range map[string]string{`"refused": 1`: `"refused": 0`, `"accepted": false`: `"accepted": true`, `lpready/v1`: `lpready/v9`} {
		s, err := Read("saved", strings.NewReader(strings.Replace(b.String(), from, to, 1)))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := LoadVerify(s); err == nil {
			t.Errorf("%s was read", to)
		}
	}
	b.Reset()
	if err := Verify(&b, "csv", Options{}, time.Time{}, verifiedPayloads()); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 7 || rows[1][3] != "symbol" || rows[1][4] != `'=cmd()\x1b` || rows[1][9] != "7" || rows[3][2] != "not-made" || rows[6][1] != "accepted" {
		t.Errorf("%q", rows)
	}
}
