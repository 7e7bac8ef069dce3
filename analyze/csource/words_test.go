package csource

import (
	"slices"
	"testing"
)

func TestWords(t *testing.T) {
	src := "int x1 = 0x1f; /* no */ char c = 'n'; // no\n#define S \"no\\\"no\" yes\n"
	want := []string{"int", "x1", "char", "c", "define", "S", "yes"}
	var got []string
	for at, w := range Words([]byte(src)) {
		if src[at:at+len(w)] != w {
			t.Errorf("%q is not at %d", w, at)
		}
		got = append(got, w)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for range Words([]byte(src)) {
		break // stopping early is allowed
	}
}
