package objdiff

import (
	"context"
	"os"
	"testing"
)

// BenchmarkTrees compares two full builds: LPREADY_OBJECTS_OLD and
// LPREADY_OBJECTS_NEW name the folders. The goal is 400 pairs in under two
// seconds on two cores.
func BenchmarkTrees(b *testing.B) {
	old, now := os.Getenv("LPREADY_OBJECTS_OLD"), os.Getenv("LPREADY_OBJECTS_NEW")
	if old == "" || now == "" {
		b.Skip("LPREADY_OBJECTS_OLD and LPREADY_OBJECTS_NEW are not set: two folders of objects of full builds")
	}
	b.ReportAllocs()
	pairs := 0
	for b.Loop() {
		t, err := CompareTrees(context.Background(), os.DirFS(old), os.DirFS(now), Options{Xen: "4.17"})
		if err != nil {
			b.Fatal(err)
		}
		pairs = len(t.Objects)
	}
	b.ReportMetric(float64(pairs), "pairs")
}
