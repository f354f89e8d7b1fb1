package utmp

import (
	"encoding/binary"

	"deadbox/timeline"
)

// programs are looked at for the byte order of the machine.
var programs = [...]string{"/bin/sh", "/usr/bin/sh", "/sbin/init", "/bin/ls", "/usr/bin/env"}

// machine is the byte order of the server, as its own programs say: EI_DATA of
// elf(5). It is nil if none can be read.
func machine(s *timeline.Source) binary.ByteOrder {
	for _, name := range programs {
		f := s.Open(name)
		if f == nil {
			continue
		}
		var head [6]byte
		if n, _ := f.Data.ReadAt(head[:], 0); n < len(head) || string(head[:4]) != "\x7fELF" {
			continue
		}
		switch head[5] {
		case 1:
			return binary.LittleEndian
		case 2:
			return binary.BigEndian
		}
	}
	return nil
}

// tied decides between two layouts that fit a file as well: the one with the
// machine's byte order. sure is false if that says nothing.
func tied[T any](s *timeline.Source, a, b T, order func(T) binary.ByteOrder) (right T, sure bool) {
	if order(a) == order(b) {
		return a, false
	}
	switch machine(s) {
	case order(a):
		return a, true
	case order(b):
		return b, true
	}
	return a, false
}
