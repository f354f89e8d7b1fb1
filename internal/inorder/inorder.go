// Package inorder runs work on several goroutines and gives the results back
// in order, so that the output does not depend on how many there are.
package inorder

import (
	"context"
	"iter"
	"runtime"
	"sync"
)

// Run calls work for 0 to n-1 on as many goroutines as GOMAXPROCS allows, and
// yields the results in order. A value is used again once the loop's body is done
// with it: work finds in it what an earlier call left, and the body must not keep
// it. When ctx ends the sequence ends early; the caller asks ctx why. All
// goroutines have ended when the loop has.
func Run[T any](ctx context.Context, n int, work func(i int, v *T)) iter.Seq2[int, *T] {
	type item struct {
		i int
		v T
	}
	feed := func(next func() *item) {
		for i := range n {
			it := next()
			if it == nil {
				return
			}
			it.i = i
		}
	}
	return func(yield func(int, *T) bool) {
		for it := range Stream(ctx, feed, func(it *item) { work(it.i, &it.v) }) {
			if !yield(it.i, &it.v) {
				return
			}
		}
	}
}

// Stream is Run where what there is to do comes in a stream. Feed runs on a
// goroutine of its own and asks next for a value to fill, in order; a value is
// handed on when feed asks for the next one, or returns. Next gives nil when the
// sequence has ended early; feed must return then.
func Stream[T any](ctx context.Context, feed func(next func() *T), work func(v *T)) iter.Seq[*T] {
	return func(yield func(*T) bool) {
		workers := runtime.GOMAXPROCS(0)
		type job struct {
			v    T
			done chan struct{}
		}
		window := workers + 2
		todo, queue, free := make(chan *job, window), make(chan *job, window), make(chan *job, window)
		for range window {
			free <- &job{done: make(chan struct{}, 1)}
		}
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			defer close(todo)
			defer close(queue)
			var last *job
			hand := func() {
				if last != nil {
					queue <- last
					todo <- last
					last = nil
				}
			}
			feed(func() *T {
				hand()
				select {
				case last = <-free:
					return &last.v
				case <-stop:
				case <-ctx.Done():
				}
				return nil
			})
			hand()
		})
		for range workers {
			wg.Go(func() {
				for j := range todo {
					work(&j.v)
					j.done <- struct{}{}
				}
			})
		}
		defer wg.Wait()
		defer close(stop)
		for j := range queue {
			<-j.done
			if !yield(&j.v) {
				return
			}
			free <- j
		}
	}
}
