package content

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"deadbox/fs/filesystem"
)

// readSize is the length of one read.
const readSize = 256 << 10

// Worker is what one of the goroutines of [InDiskOrder] keeps for itself.
type Worker struct {
	A, B []byte // space to read into, of the same length
	ctx  context.Context
	sha  hash.Hash
}

// Open maps the content of an inode. Reading from it fails once the worker's
// context is done. What comes beside an error could be mapped; nil if nothing could.
func (w *Worker) Open(fsys filesystem.FileSystem, n filesystem.Inum) (filesystem.Content, error) {
	in, err := fsys.Inode(n)
	if err != nil {
		return nil, err
	}
	c, err := fsys.Content(in)
	if c == nil {
		if err == nil {
			err = fmt.Errorf("inode %d has no content", n)
		}
		return nil, err
	}
	return &endable{c, w.ctx}, err
}

// endable is a content that ends with a context.
type endable struct {
	filesystem.Content
	ctx context.Context
}

func (e *endable) ReadAt(p []byte, off int64) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	return e.Content.ReadAt(p, off)
}

// InDiskOrder calls do for each i of 0 <= i < n, spread over a fixed number
// of workers (0: one for each CPU), in the order of offset(i). Calls for different i
// run at the same time; do puts its result into the caller's slice, so that the
// results stand in the caller's order whatever the number of workers. It returns
// the context's error if it ended early.
func InDiskOrder(ctx context.Context, n, workers int, offset func(i int) int64, do func(w *Worker, i int)) error {
	order := make([]int32, n)
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(offset(int(a)), offset(int(b))), cmp.Compare(a, b))
	})
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(workers, n) {
		wg.Go(func() {
			w := &Worker{ctx: ctx, A: make([]byte, readSize), B: make([]byte, readSize), sha: sha256.New()}
			for ctx.Err() == nil {
				i := next.Add(1) - 1
				if i >= int64(n) {
					return
				}
				do(w, int(order[i]))
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

// File is a file to read.
type File struct {
	FS   filesystem.FileSystem
	Inum filesystem.Inum
	Room int64 // bytes of the volume, for its [Ledger]; 0 if unknown
}

// Result is what reading a file gave.
type Result struct {
	SHA256 [sha256.Size]byte
	Hashed bool // SHA256 holds the hash of the whole content
	Magic  string
	Interp string
	Err    error // what could not be read; Magic may be known all the same
}

// Hex is the hash in lower-case hexadecimal; "" if the content was not read
// whole.
func (r *Result) Hex() string {
	if !r.Hashed {
		return ""
	}
	return hex.EncodeToString(r.SHA256[:])
}

// Options are those of [Hash].
type Options struct {
	Workers  int           // 0: one for each CPU
	Progress func(n int64) // called after each file with the bytes of its content; from several goroutines
}

// Hash reads each file once and gives its hash and its type, in the order of
// files.
func Hash(ctx context.Context, files []File, opt Options) ([]Result, error) {
	out := make([]Result, len(files))
	layouts := make([]Layout, len(files))
	err := InDiskOrder(ctx, len(files), opt.Workers, func(i int) int64 { return int64(files[i].Inum) }, func(w *Worker, i int) {
		if c, err := w.Open(files[i].FS, files[i].Inum); c != nil {
			layouts[i] = LayoutOf(c)
		} else {
			out[i].Err = err
		}
	})
	if err != nil {
		return out, err
	}
	ledgers := map[filesystem.FileSystem]*Ledger{}
	refused := make([]error, len(files))
	for i := range files {
		f := &files[i]
		if ledgers[f.FS] == nil {
			ledgers[f.FS] = &Ledger{Room: f.Room}
		}
		refused[i] = ledgers[f.FS].Admit(layouts[i])
	}
	err = InDiskOrder(ctx, len(files), opt.Workers, func(i int) int64 { return layouts[i].First }, func(w *Worker, i int) {
		if out[i].Err != nil {
			return
		}
		c, err := w.Open(files[i].FS, files[i].Inum)
		if c == nil {
			out[i].Err = err
			return
		}
		w.hash(c, refused[i], &out[i])
		if opt.Progress != nil {
			opt.Progress(c.Size())
		}
	})
	return out, err
}

// hash reads one content; only its head if it was refused.
func (w *Worker) hash(c filesystem.Content, refused error, r *Result) {
	n, err := Head(c, w.A[:HeadSize])
	if err != nil {
		r.Err = err
		return
	}
	r.Magic, r.Interp = Type(w.A[:n])
	if r.Err = refused; r.Err != nil {
		return
	}
	w.sha.Reset()
	if r.Err = Copy(c, w.A, w.sha); r.Err == nil {
		w.sha.Sum(r.SHA256[:0])
		r.Hashed = true
	}
}
