package patch

import (
	"reflect"
	"strings"
	"testing"
)

func TestHeader(t *testing.T) {
	const sha = "4bc2e5333abb37b9a67e44d7d6c712247e5e5146"
	for _, c := range []struct {
		what, text string
		want       Header
	}{
		{"none", "", Header{}},
		{"tool lines only", "diff -ur a/f b/f\nIndex: f\n=====\n", Header{}},
		{"format-patch", "From " + sha + " Mon Sep 17 00:00:00 2001\nFrom: A <a@example.org>\nDate: Tue, 17 Feb 2026 09:33:43 +0100\n" +
			"Subject: [PATCH v2 1/3] x86/p2m: flush\n before freeing\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n" +
			"Content-Transfer-Encoding: 8bit\n\nText.\n\nThis is XSA-480.\n\nFixes: 4a59e6bb3a96 (\"x86\")\nSigned-off-by: A <a@example.org>\n" +
			"(cherry picked from commit " + sha + ")\n---\n xen/f.c | 5 +++++\n 1 file changed, 5 insertions(+)\n\n",
			Header{Commit: sha, From: "A <a@example.org>", Date: "Tue, 17 Feb 2026 09:33:43 +0100", Subject: "x86/p2m: flush before freeing",
				Body:     "Text.\n\nThis is XSA-480.\n\nFixes: 4a59e6bb3a96 (\"x86\")\nSigned-off-by: A <a@example.org>\n(cherry picked from commit " + sha + ")",
				Trailers: []Trailer{{"Fixes", `4a59e6bb3a96 ("x86")`}, {"Signed-off-by", "A <a@example.org>"}}}},
		{"no commit, encoded words", "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\nFrom: =?UTF-8?q?Roger=20Pau=20Monn=C3=A9?= <r@example.org>\n" +
			"Subject: =?utf-8?B?W1BBVENIXSB4ODY6IMOpdMOp?=\n\nText.\n",
			Header{From: "Roger Pau Monné <r@example.org>", Subject: "x86: été", Body: "Text."}},
		{"unknown charset", "From: =?KOI-99?q?A?= <a@example.org>\nSubject: x\n\n", Header{From: "=?KOI-99?q?A?= <a@example.org>", Subject: "x"}},
		{"Latin-1 bytes", "From: Monn\xe9 <r@example.org>\nSubject: caf\xe9\n\nPl\xe9h é\n", Header{From: "Monné <r@example.org>", Subject: "café", Body: "Pléh Ã©"}},
		{"stable branch", "From: A <a@example.org>\nSubject: x86: words\n\nText.\n\nSigned-off-by: A <a@example.org>\nmaster commit: " + sha + "\nmaster date: 2024-12-16 13:06:55 +0100\n",
			Header{From: "A <a@example.org>", Subject: "x86: words",
				Body:     "Text.\n\nSigned-off-by: A <a@example.org>\nmaster commit: " + sha + "\nmaster date: 2024-12-16 13:06:55 +0100",
				Trailers: []Trailer{{"Signed-off-by", "A <a@example.org>"}, {"master commit", sha}, {"master date", "2024-12-16 13:06:55 +0100"}}}},
		{"quilt", "x86/mm: words: more words\n\nText of\ntwo lines.\n\nSigned-off-by: Jan <j@example.org>\n\n",
			Header{Subject: "x86/mm: words: more words", Body: "Text of\ntwo lines.\n\nSigned-off-by: Jan <j@example.org>",
				Trailers: []Trailer{{"Signed-off-by", "Jan <j@example.org>"}}}},
		{"quilt with a diffstat", "words\n\nText.\n\n xen/f.c |    5 +++--\n 1 file changed, 3 insertions(+), 2 deletions(-)\n\n", Header{Subject: "words", Body: "Text."}},
		{"no blank line after the headers", "From: A <a@example.org>\nSubject: x86: words\nText goes on here.\n", Header{From: "A <a@example.org>", Subject: "x86: words", Body: "Text goes on here."}},
		{"author in the body", "From: Sender <s@example.org>\nSubject: [Xen-devel] [PATCH] x\n\nFrom: Author <a@example.org>\n\nText.\n", Header{From: "Author <a@example.org>", Subject: "x", Body: "Text."}},
		{"hg", "# HG changeset patch\n# User A <a@example.org>\n# Date 1333384359 -3600\n# Node ID " + sha + "\n# Parent  " + sha + "\nx86: words\n\nText.\n",
			Header{From: "A <a@example.org>", Date: "1333384359 -3600", Subject: "x86: words", Body: "Text."}},
		{"stable comment header", "# Commit " + sha + "\n# Date 2026-02-17 09:33:43 +0100\n# Author A <a@example.org>\nx86: words\n\nText.\n",
			Header{From: "A <a@example.org>", Date: "2026-02-17 09:33:43 +0100", Subject: "x86: words", Body: "Text."}},
		{"git show", "commit " + sha + "\nMerge: 1234567 89abcde\nAuthor: A <a@example.org>\nDate:   Tue Feb 17 09:33:43 2026 +0100\n\n    x86: words\n    \n    Text.\n    \n    Acked-by: B\n\n",
			Header{Commit: sha, From: "A <a@example.org>", Date: "Tue Feb 17 09:33:43 2026 +0100", Subject: "x86: words", Body: "Text.\n\nAcked-by: B", Trailers: []Trailer{{"Acked-by", "B"}}}},
		{"DEP-3", "Description: words of Debian\n in two lines\nFrom: A <a@example.org>\nForwarded: not-needed\nLast-Update: 2026-02-17\n\n", Header{From: "A <a@example.org>", Subject: "words of Debian in two lines"}},
		{"comment between", "From " + sha + " Mon Sep 17 00:00:00 2001\n:\n: not for upstream\n:\nFrom: A <a@example.org>\nSubject: [PATCH] x\n\nText.\n", Header{Commit: sha, From: "A <a@example.org>", Subject: "x", Body: "Text."}},
		{"CRLF", "From: A <a@example.org>\r\nSubject: [PATCH] x\r\n y\r\n\r\nText.\r\n\r\nAcked-by: B\r\n---\r\n f | 1 +\r\n", Header{From: "A <a@example.org>", Subject: "x y", Body: "Text.\n\nAcked-by: B", Trailers: []Trailer{{"Acked-by", "B"}}}},
		{"folded trailer", "x\n\nReported-by: A very long name\n <a@example.org>\nNote: not a trailer\nAcked-by:\n", Header{Subject: "x", Body: "Reported-by: A very long name\n <a@example.org>\nNote: not a trailer\nAcked-by:",
			Trailers: []Trailer{{"Reported-by", "A very long name <a@example.org>"}}}},
		{"tags", "Subject: Re: [RFC v1][4.17] [x86] words [of many]\n\n", Header{Subject: "words [of many]"}},
		{"brackets that are no tags", "Subject: [x86] words\n\n", Header{Subject: "[x86] words"}},
		{"only trailers", "Signed-off-by: A\n\n", Header{Body: "Signed-off-by: A", Trailers: []Trailer{{"Signed-off-by", "A"}}}},
		{"notes after the cut", "Subject: x\n\nText.\n---\nv2: other words\n\n f | 1 +\n", Header{Subject: "x", Body: "Text."}},
	} {
		if got := parseHeader(c.text); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\ngot  %+q\nwant %+q", c.what, got, c.want)
		}
		if c.text == "" || strings.HasPrefix(c.what, "tool") {
			continue
		}
		p := mustParse(t, c.text+"--- a/f\n+++ b/f\n"+hunk)
		if len(p) != 1 || p[0].Line != 1 || !reflect.DeepEqual(p[0].Header, c.want) {
			t.Errorf("%s, parsed:\ngot  %d %+q\nwant %+q", c.what, p[0].Line, p[0].Header, c.want)
		}
	}
}
