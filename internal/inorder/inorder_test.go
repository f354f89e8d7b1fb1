package inorder

import (
	"context"
	"runtime"
	"testing"
)

func TestRunKeepsOrderAndStops(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		next := 0
		for i, v := range Run(context.Background(), 1000, func(i int, v *int) { *v = i * i }) {
			if i != next || *v != i*i {
				t.Fatalf("with %d: got %d (%d), want %d", procs, i, *v, next)
			}
			next++
		}
		if next != 1000 {
			t.Fatalf("with %d: %d results", procs, next)
		}
		for i := range Run(context.Background(), 1000, func(int, *int) {}) {
			if i == 7 {
				break
			}
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		seen := 0
		for i := range Run(ctx, 1<<30, func(int, *int) {}) {
			if seen++; i == 20 {
				cancel()
			}
			if seen > 1000 {
				t.Fatal("goes on though the context has ended")
			}
		}
	}
	for range Run(context.Background(), 0, func(int, *int) {}) {
		t.Fatal("nothing to do, yet a result")
	}
}
