package triage

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// clamd is a client of ClamAV's daemon: only what INSTREAM needs. Each file has a
// connection of its own.
// https://docs.clamav.net/manual/Usage/Scanning.html#clamd, clamd(8)
type clamd struct {
	network, address string
	version          string
}

const (
	clamTimeout = 5 * time.Minute // for one answer; large archives take long
	clamChunk   = 256 << 10
	maxReply    = 16 << 10
)

// dialClamd asks a clamd for its version. The address is a path of a socket
// ("/run/clamav/clamd.ctl", "unix:/..."), or HOST:PORT.
func dialClamd(ctx context.Context, address string) (*clamd, error) {
	d := &clamd{network: "tcp", address: strings.TrimPrefix(address, "tcp:")}
	if p, ok := strings.CutPrefix(address, "unix:"); ok || strings.HasPrefix(address, "/") || strings.HasPrefix(address, ".") {
		if !ok {
			p = address
		}
		d.network, d.address = "unix", p
	} else if _, _, err := net.SplitHostPort(d.address); err != nil {
		return nil, fmt.Errorf("clamd: %q is neither the path of a socket nor HOST:PORT", address)
	}
	conn, err := d.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("zVERSION\x00")); err != nil {
		return nil, fmt.Errorf("clamd: %w", err)
	}
	if d.version, err = reply(conn); err != nil {
		return nil, fmt.Errorf("clamd: %w", err)
	}
	if !strings.HasPrefix(d.version, "ClamAV") {
		return nil, fmt.Errorf("clamd: what answers at %s is no clamd: %.80q", address, d.version)
	}
	return d, nil
}

func (d *clamd) dial(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Timeout: 10 * time.Second}
	conn, err := dialer.DialContext(ctx, d.network, d.address)
	if err != nil {
		return nil, fmt.Errorf("clamd: %w", err)
	}
	conn.SetDeadline(time.Now().Add(clamTimeout))
	return conn, nil
}

// reply reads an answer up to its NUL.
func reply(conn net.Conn) (string, error) {
	r := bufio.NewReaderSize(conn, maxReply)
	b, err := r.ReadSlice(0)
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", fmt.Errorf("an answer of more than %d bytes", maxReply)
	case err != nil && len(b) == 0:
		return "", fmt.Errorf("no answer: %w", err)
	}
	return strings.TrimRight(string(b), "\x00\n"), nil
}

// scan is one file on its way to clamd.
type scan struct {
	conn net.Conn
	err  error // of the sending: clamd may have had enough, and says why
	stop func() bool
}

// begin opens a connection for one file.
func (d *clamd) begin(ctx context.Context) (*scan, error) {
	conn, err := d.dial(ctx)
	if err != nil {
		return nil, err
	}
	s := &scan{conn: conn, stop: context.AfterFunc(ctx, func() { conn.Close() })}
	_, s.err = conn.Write([]byte("zINSTREAM\x00"))
	return s, nil
}

// Write sends a part of the file. It gives no error, so that the file's other
// readers go on; end gives it.
func (s *scan) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0 && s.err == nil; {
		n := min(len(rest), clamChunk)
		s.conn.SetDeadline(time.Now().Add(clamTimeout))
		var length [4]byte
		binary.BigEndian.PutUint32(length[:], uint32(n))
		bufs := net.Buffers{length[:], rest[:n]}
		_, s.err = bufs.WriteTo(s.conn)
		rest = rest[n:]
	}
	return len(p), nil
}

// end ends the file and reads what clamd says of it: the name of what was found,
// "" if nothing was. A file that was not read whole is no answer of clamd's.
func (s *scan) end(damage error) (found string, err error) {
	defer s.conn.Close()
	defer s.stop()
	if damage != nil {
		return "", fmt.Errorf("not scanned: %w", damage)
	}
	sent := s.err
	if sent == nil {
		s.conn.SetDeadline(time.Now().Add(clamTimeout))
		_, sent = s.conn.Write([]byte{0, 0, 0, 0})
	}
	answer, err := reply(s.conn)
	if err != nil {
		if sent != nil {
			err = sent
		}
		return "", err
	}
	answer = strings.TrimPrefix(answer, "stream: ")
	switch {
	case sent == nil && answer == "OK":
		return "", nil
	case strings.HasSuffix(answer, " FOUND"):
		return strings.TrimSuffix(answer, " FOUND"), nil
	}
	return "", fmt.Errorf("it answered %q", strings.TrimSuffix(answer, " ERROR"))
}
