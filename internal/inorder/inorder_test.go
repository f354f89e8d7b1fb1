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

func TestStreamKeepsOrderAndStops(t *testing.T) {
	type pair struct{ n, square int }
	feed := func(count int) func(next func() *pair) {
		return func(next func() *pair) {
			for i := range count {
				v := next()
				if v == nil {
					return
				}
				v.n = i
			}
		}
	}
	square := func(v *pair) { v.square = v.n * v.n }
	for _, procs := range []int{1, 2, 8} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		seen := 0
		for v := range Stream(context.Background(), feed(1000), square) {
			if v.n != seen || v.square != seen*seen {
				t.Fatalf("with %d: got %+v, want %d", procs, *v, seen)
			}
			seen++
		}
		if seen != 1000 {
			t.Fatalf("with %d: %d results", procs, seen)
		}
		for v := range Stream(context.Background(), feed(1<<30), square) {
			if v.n == 7 {
				break
			}
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		seen = 0
		for range Stream(ctx, feed(1<<30), square) {
			if seen++; seen == 20 {
				cancel()
			}
			if seen > 1000 {
				t.Fatal("goes on though the context has ended")
			}
		}
	}
	for range Stream(context.Background(), feed(0), square) {
		t.Fatal("nothing to do, yet a result")
	}
}
