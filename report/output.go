package report

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"os"
	"sync/atomic"
)

// outputs are written in blocks of this size, a few of which may be on their
// way at once.
const outputBlock = 256 << 10

// output is a file of the case folder. A goroutine of its own writes and hashes
// it, block after block, so that the one who formats the rows waits for neither.
type output struct {
	name, doc string
	file      *os.File
	buf       []byte
	blocks    chan []byte
	free      chan []byte
	done      chan struct{}
	failed    atomic.Pointer[error]
	hash      hash.Hash
	size      int64
}

// create makes a file in root that must not exist; a link in its place is not
// followed.
func create(root *os.Root, name, doc string) (*output, error) {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	o := &output{
		name: name, doc: doc, file: f, hash: sha256.New(),
		buf:    make([]byte, 0, outputBlock),
		blocks: make(chan []byte, 2), free: make(chan []byte, 3), done: make(chan struct{}),
	}
	go o.run()
	return o, nil
}

func (o *output) run() {
	defer close(o.done)
	for b := range o.blocks {
		if o.failed.Load() == nil {
			o.hash.Write(b)
			o.size += int64(len(b))
			if _, err := o.file.Write(b); err != nil {
				o.failed.Store(&err)
			}
		}
		select {
		case o.free <- b[:0]:
		default:
		}
	}
}

// Write adds to the file. An error of an earlier block may come with a later
// one, or with close.
func (o *output) Write(p []byte) (int, error) {
	if err := o.failed.Load(); err != nil {
		return 0, *err
	}
	o.buf = append(o.buf, p...)
	if len(o.buf) >= outputBlock {
		o.blocks <- o.buf
		select {
		case o.buf = <-o.free:
		default:
			o.buf = make([]byte, 0, outputBlock+outputBlock/4)
		}
	}
	return len(p), nil
}

// close ends the file and says what it is.
func (o *output) close() (Output, error) {
	if len(o.buf) > 0 {
		o.blocks <- o.buf
	}
	close(o.blocks)
	<-o.done
	err := o.file.Close()
	if failed := o.failed.Load(); failed != nil {
		err = *failed
	}
	return Output{Name: o.name, Size: o.size, SHA256: hex.EncodeToString(o.hash.Sum(nil)), Doc: o.doc}, err
}
