package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	stdhtml "html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"lpready/cmd/lpready/internal/cli"
)

// A browser is a headless Chromium that may reach nothing.
type browser struct {
	program string
	dir     string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	name := os.Getenv("LPREADY_CHROMIUM")
	if name == "" {
		t.Skip("LPREADY_CHROMIUM is not set: pages are not opened")
	}
	program, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{program, t.TempDir()}
}

// run opens a page and gives what Chromium prints.
func (b *browser) run(t *testing.T, page string, args ...string) (stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	all := append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions", "--host-resolver-rules=MAP * ~NOTFOUND",
		"--user-data-dir=" + filepath.Join(b.dir, "profile"), "--enable-logging=stderr", "--v=0"}, args...)
	cmd := exec.CommandContext(ctx, b.program, append(all, "file://"+page)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("chromium: %v\n%s", err, &errs)
	}
	return out.String(), errs.String()
}

// pages makes one file for each kind of page, by name.
func (b *browser) pages(t *testing.T) map[string]string {
	t.Helper()
	made := map[string]string{}
	for name, args := range map[string][]string{
		"plan":   {"plan", "--sample"},
		"calm":   {"plan", "--sample", "--xsa", "903", "--overtime", "1", "--without", "Grace"},
		"triage": {"triage", "--sample"},
		"policy": {"plan", "policy", "--sample"},
	} {
		file := filepath.Join(b.dir, name+".html")
		err := cli.Run(t.Context(), cli.Env{Args: append(args, "--format", "html", "-o", file), Getenv: func(string) string { return "" },
			Now: func() time.Time { return at }, Stdin: strings.NewReader(""), Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}})
		if err != nil && !errors.As(err, new(cli.NotReady)) {
			t.Fatal(err)
		}
		made[name] = file
	}
	return made
}

// TestPages opens every kind of page: no message on the console, and no request
// on the network. A page that does both shows that they would be seen.
func TestPages(t *testing.T) {
	b := newBrowser(t)
	pages := b.pages(t)
	pages["loud"] = filepath.Join(b.dir, "loud.html")
	const loud = `<main></main><img src="http://elsewhere.example/x.png"><script>console.error("loud")</script>`
	if err := os.WriteFile(pages["loud"], []byte(loud), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, file := range pages {
		log := filepath.Join(b.dir, name+".net.json")
		dom, stderr := b.run(t, file, "--dump-dom", "--log-net-log="+log)
		if !strings.Contains(dom, "</main>") {
			t.Errorf("%s: Chromium shows nothing", name)
		}
		var heard []string
		for l := range strings.Lines(stderr) {
			if strings.Contains(l, "CONSOLE") {
				heard = append(heard, "says "+l)
			}
		}
		for _, u := range requested(t, log) {
			heard = append(heard, "asks for "+u)
		}
		if name == "loud" {
			if all := strings.Join(heard, "\n"); !strings.Contains(all, "says ") || !strings.Contains(all, "asks for http://elsewhere.example") {
				t.Errorf("a loud page is not heard: %q", heard)
			}
			continue
		}
		t.Logf("%s: %d messages and requests", name, len(heard))
		for _, h := range heard {
			t.Errorf("%s %s", name, h)
		}
	}
}

var requestURL = regexp.MustCompile(`"url":"([^"]+)"`)

// requested lists the addresses that pages of files asked for, in a log of the
// network; what Chromium asks for itself belongs to no page.
func requested(t *testing.T, log string) (list []string) {
	t.Helper()
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(data)) {
		if m := requestURL.FindStringSubmatch(l); m != nil && strings.Contains(l, "{site=file://") {
			list = append(list, m[1])
		}
	}
	return list
}

// framed is a page that shows another in a frame of some width, since Chromium has
// no narrow windows, and repeats what that says to it.
func (b *browser) framed(t *testing.T, file string, width int) string {
	t.Helper()
	const height = 3000
	page := fmt.Sprintf(`<!DOCTYPE html><html lang="en"><title>frame</title><body style="margin:0"><iframe title="page" src="file://%s" style="width:%dpx;height:%dpx;border:0"></iframe>
<script>addEventListener("message", e => { const out = document.createElement("pre"); out.id = "axe-result"; out.textContent = e.data; document.body.append(out) })</script></body></html>`,
		file, width, height)
	name := strings.TrimSuffix(file, ".html") + fmt.Sprintf(".%d.html", width)
	if err := os.WriteFile(name, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// axeResult is what the script below writes into the page.
type axeResult struct {
	Passes     int
	Violations []struct {
		ID, Help string
		Nodes    []string
	}
	Width, Window int
}

const axeScript = `<script>axe.run(document, {resultTypes: ["violations"]}).then(r => parent.postMessage(JSON.stringify({
  Passes: r.passes.length, Width: document.documentElement.scrollWidth, Window: window.innerWidth,
  Violations: r.violations.map(v => ({ID: v.id, Help: v.help, Nodes: v.nodes.slice(0, 3).map(n => n.html.slice(0, 200) + " " + (n.failureSummary || ""))}))}), "*"));
</script></body>`

var axeOutput = regexp.MustCompile(`(?s)<pre id="axe-result">(.*?)</pre>`)

// TestAccessible runs all of axe-core's checks on every page, light and dark, wide
// and narrow. LPREADY_AXE leads to axe.min.js, or to the folder of it.
func TestAccessible(t *testing.T) {
	axe := os.Getenv("LPREADY_AXE")
	if axe == "" {
		t.Skip("LPREADY_AXE is not set: pages are not checked by axe-core")
	}
	if info, err := os.Stat(axe); err == nil && info.IsDir() {
		axe = filepath.Join(axe, "axe.min.js")
	}
	script, err := os.ReadFile(axe)
	if err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t)
	csp := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*>`)
	for name, file := range b.pages(t) {
		page, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := csp.ReplaceAllString(string(page), "")
		if text == string(page) {
			t.Errorf("%s has no policy of content", name)
		}
		text = strings.Replace(text, "</body>", "<script>"+string(script)+"</script>"+axeScript, 1)
		checked := filepath.Join(b.dir, name+".axe.html")
		if err := os.WriteFile(checked, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, look := range looks {
			dom, _ := b.run(t, b.framed(t, checked, look.width), append(look.args, "--dump-dom", "--virtual-time-budget=20000")...)
			m := axeOutput.FindStringSubmatch(dom)
			if m == nil {
				t.Fatalf("%s %s: axe-core says nothing", name, look.name)
			}
			var r axeResult
			if err := json.Unmarshal([]byte(stdhtml.UnescapeString(m[1])), &r); err != nil {
				t.Fatal(err)
			}
			t.Logf("%s %s: %d rules passed, %d violated; %d of %d pixels wide", name, look.name, r.Passes, len(r.Violations), r.Width, r.Window)
			for _, v := range r.Violations {
				t.Errorf("%s %s: %s: %s: %s", name, look.name, v.ID, v.Help, strings.Join(v.Nodes, "\n  "))
			}
			if r.Width > r.Window || r.Window != look.width {
				t.Errorf("%s %s: %d pixels wide in a window of %d", name, look.name, r.Width, r.Window)
			}
			if r.Passes < 10 {
				t.Errorf("%s %s: %d rules passed, expected more", name, look.name, r.Passes)
			}
		}
	}
}

// looks are the ways in which pages are looked at.
var looks = []struct {
	name  string
	width int
	args  []string
}{
	{"light-1280", 1280, []string{"--window-size=1280,3000"}},
	{"dark-1280", 1280, []string{"--window-size=1280,3000", "--blink-settings=preferredColorScheme=0"}},
	{"light-400", 400, []string{"--window-size=500,3000"}},
	{"dark-400", 400, []string{"--window-size=500,3000", "--blink-settings=preferredColorScheme=0"}},
}

// TestShots writes pictures of the pages, and what they look like printed, into
// the folder LPREADY_SHOTS, for people to look at.
func TestShots(t *testing.T) {
	dir := os.Getenv("LPREADY_SHOTS")
	if dir == "" {
		t.Skip("LPREADY_SHOTS is not set: no pictures are made")
	}
	b := newBrowser(t)
	for name, file := range b.pages(t) {
		for _, look := range looks {
			out := filepath.Join(dir, fmt.Sprintf("%s-%s.png", name, look.name))
			b.run(t, b.framed(t, file, look.width), append(look.args, "--screenshot="+out)...)
			if info, err := os.Stat(out); err != nil || info.Size() < 10_000 {
				t.Errorf("%s: %v", out, err)
			}
		}
		out := filepath.Join(dir, name+"-print.pdf")
		b.run(t, file, "--no-pdf-header-footer", "--print-to-pdf="+out)
		if info, err := os.Stat(out); err != nil || info.Size() < 10_000 {
			t.Errorf("%s: %v", out, err)
		}
	}
}
