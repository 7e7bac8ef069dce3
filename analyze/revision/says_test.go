package revision

import "testing"

// TestOnlyText reads texts as real advisories have them.
func TestOnlyText(t *testing.T) {
	for _, c := range []struct {
		says string
		want bool
	}{
		{"Public release.", true},
		{"Add further tags to patches.\n\nPublic release.", true},
		{"Added CVE numbers. Public release.", true},
		{"CVE assigned.", true},
		{"Fix typo in the description.", true},
		{"Update credits.", true},
		{"Properly sync backports with staging patch (there was no functional issue with the earlier ones).", true},
		{"Clarify wording of VULNERABLE SYSTEMS text.", true},
		{"\"Unstable\" patch updated (needed re-basing).", false},
		{"Fix the second patch. Public release.", false},
		{"New patch for 4.15.", false},
		{"Add a patch, and further tags.", false},
		{"Add missing hunk and tags.", false},
		{"Updated patch.", false},
		{"Something else.", false},
		{"", false},
	} {
		if got := onlyText("version 2: " + c.says); got != c.want {
			t.Errorf("%q: %v, expected %v", c.says, got, c.want)
		}
	}
}
