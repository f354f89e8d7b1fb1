package utmp

import (
	"bytes"
	"encoding/binary"
	"net/netip"
)

// Types of records (utmp(5)).
const (
	typeEmpty    = 0
	typeRunLevel = 1
	typeBoot     = 2
	typeNewTime  = 3
	typeOldTime  = 4
	typeInit     = 5
	typeGetty    = 6 // LOGIN_PROCESS
	typeUser     = 7
	typeDead     = 8
	typeAccount  = 9
	typeEnd      = 10
)

var typeNames = [typeEnd]string{"EMPTY", "RUN_LVL", "BOOT_TIME", "NEW_TIME", "OLD_TIME", "INIT_PROCESS", "LOGIN_PROCESS", "USER_PROCESS", "DEAD_PROCESS", "ACCOUNTING"}

// layout is one of those that struct utmp has: 384 bytes where the session and
// the time have 32 bits (x86, 32-bit ARM, POWER, RISC-V with the GNU library),
// 400 where they have 64 (64-bit ARM, s390x; musl on 64 bits); in the machine's
// byte order.
type layout struct {
	name  string
	size  int
	wide  bool // session and time have 64 bits
	order binary.ByteOrder
}

// layouts are tried in this order: the commonest first.
var layouts = [...]layout{
	{"384 bytes, little-endian", 384, false, binary.LittleEndian},
	{"400 bytes, little-endian", 400, true, binary.LittleEndian},
	{"384 bytes, big-endian", 384, false, binary.BigEndian},
	{"400 bytes, big-endian", 400, true, binary.BigEndian},
}

// raw is struct utmp (utmp(5); bits/utmp.h of the GNU C library). ut_host ends
// at 332; what follows depends on the layout.
type raw struct {
	b []byte
	l *layout
}

func (r raw) kind() int    { return int(int16(r.l.order.Uint16(r.b[0:]))) } // ut_type
func (r raw) pad() uint16  { return r.l.order.Uint16(r.b[2:]) }
func (r raw) pid() int32   { return int32(r.l.order.Uint32(r.b[4:])) }
func (r raw) line() []byte { return r.b[8:40] }
func (r raw) id() []byte   { return r.b[40:44] }
func (r raw) user() []byte { return r.b[44:76] }
func (r raw) host() []byte { return r.b[76:332] }

func (r raw) termination() int16 { return int16(r.l.order.Uint16(r.b[332:])) } // ut_exit: signal
func (r raw) exit() int16        { return int16(r.l.order.Uint16(r.b[334:])) } // ut_exit: status

func (r raw) session() int64 {
	if r.l.wide {
		return int64(r.l.order.Uint64(r.b[336:]))
	}
	return int64(int32(r.l.order.Uint32(r.b[336:])))
}

// seconds since 1970. 32 bits count without a sign, as the GNU library has it
// since its version 2.40: there were no logins before 1970.
func (r raw) seconds() int64 {
	if r.l.wide {
		return int64(r.l.order.Uint64(r.b[344:]))
	}
	return int64(r.l.order.Uint32(r.b[340:]))
}

func (r raw) micros() int64 {
	if r.l.wide {
		return int64(r.l.order.Uint64(r.b[352:]))
	}
	return int64(int32(r.l.order.Uint32(r.b[344:])))
}

// address is ut_addr_v6, in network byte order; an IPv4 address is in its
// first four bytes.
func (r raw) address() string {
	b := r.b[348:364]
	if r.l.wide {
		b = r.b[360:376]
	}
	if isZero(b) {
		return ""
	}
	if isZero(b[4:]) {
		return netip.AddrFrom4([4]byte(b[:4])).String()
	}
	return netip.AddrFrom16([16]byte(b)).Unmap().String()
}

// text is what stands before the first NUL.
func text(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

func isZero(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// printable says that b is text and then NULs. Names may hold any bytes but
// control characters.
func printable(b []byte) bool {
	for i, c := range b {
		if c == 0 {
			return isZero(b[i:])
		}
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

// Times that a record can have: 1980 to 2106. Clocks that were never set show
// 1970.
const (
	firstTime = 315532800
	lastTime  = 1<<32 - 1
)

// valid says that the record makes sense in this layout. A zeroed one does in
// all; it is told apart by blank.
func (r raw) valid() bool {
	sec, usec := r.seconds(), r.micros()
	if k := r.kind(); k < 0 || k >= typeEnd || r.pid() < 0 || usec < 0 || usec >= 1e6 || sec < 0 || sec > lastTime {
		return false
	}
	if r.l.wide && (r.session() > 1<<32-1 || r.session() < -1<<31) {
		return false
	}
	return textual(r.line()) && textual(r.user()) && textual(r.host())
}

// sure says that the record is valid and that its time is one of a real
// record: only the right layout gives many of these.
func (r raw) sure() bool {
	return r.kind() != typeEmpty && r.seconds() >= firstTime && r.valid() && r.pad() == 0 && printable(r.line()) && printable(r.user()) && printable(r.host())
}

// textual says that what stands before the first NUL has no control
// characters. Some writers leave garbage behind it.
func textual(b []byte) bool {
	for _, c := range b {
		if c == 0 {
			return true
		}
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return true
}
