package deleted_test

import (
	"os"
	"testing"
)

// BenchmarkFind searches the image that DEADBOX_BENCH_IMAGE names.
func BenchmarkFind(b *testing.B) {
	image := os.Getenv("DEADBOX_BENCH_IMAGE")
	if image == "" {
		b.Skip("DEADBOX_BENCH_IMAGE names no image")
	}
	for b.Loop() {
		find(b, image)
	}
}
