package analyze_test

import "testing"

// BenchmarkCorpus assesses the real batch on the Debian tree: cold without a
// cache, warm with one that an earlier run has filled. The goals are 2 s for the
// first, and half of its time for the second.
func BenchmarkCorpus(b *testing.B) {
	b.Run("cold", func(b *testing.B) {
		for b.Loop() {
			corpus(b, "")
		}
	})
	b.Run("warm", func(b *testing.B) {
		cache := b.TempDir()
		corpus(b, cache)
		for b.Loop() {
			corpus(b, cache)
		}
	})
}
