package elfstrings

import (
	"bytes"
	"errors"
	"io"
	"slices"
)

// codeTokens begin or betray code of web scripts, in lower case.
var codeTokens = [][]byte{
	[]byte("<?php"), []byte("<?="), []byte("$_get"), []byte("$_post"), []byte("$_request"), []byte("$_cookie"), []byte("$_files"), []byte("$_server"),
	[]byte("eval("), []byte("assert("), []byte("base64_decode("), []byte("gzinflate("), []byte("gzuncompress("), []byte("str_rot13("), []byte("system("),
	[]byte("passthru("), []byte("exec("), []byte("popen("), []byte("proc_open("), []byte("create_function"), []byte("call_user_func"), []byte("preg_replace("),
	[]byte("getruntime()"), []byte("processbuilder"), []byte("c99shell"), []byte("r57shell"), []byte("filesman"), []byte("wso_version"), []byte("weevely"), []byte("b374k"),
}

const (
	codePiece  = 1 << 20
	codeBefore = 100 // bytes of a line that are kept before a token
	codeAfter  = 200 // and behind it
	codeTail   = 12  // bytes behind a token that must be text: three bytes alone turn up in any picture
)

// Code finds the lines of PHP and of other web scripts in a file of any kind,
// a picture too, that take what a request brings or run something: at most 60, in
// the order of the file, cut around what makes them telling. Memory does not grow
// with the file. What comes beside an error was read before it.
func Code(r io.ReaderAt, size int64) ([]String, error) {
	var out []String
	buf := make([]byte, 0, codePiece+codeBefore+codeAfter)
	var lower []byte
	end := int64(0) // of the last line that was kept
	for at := int64(0); at < size && len(out) < maxStrings; at += codePiece {
		from := max(at-codeBefore, 0)
		n := min(at+codePiece+codeAfter, size) - from
		buf = buf[:n]
		got, err := r.ReadAt(buf, from)
		if int64(got) < n {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return out, err
		}
		lower = append(lower[:0], buf...)
		for i, c := range lower {
			if c >= 'A' && c <= 'Z' {
				lower[i] = c | 0x20
			}
		}
		hits := codeHits(lower, int(at-from), int(min(at-from+codePiece, n)))
		for _, h := range hits {
			if from+int64(h) < end || len(out) == maxStrings {
				continue
			}
			lo, hi := h, h
			for lo > max(h-codeBefore, 0) && textByte(buf[lo-1]) {
				lo--
			}
			for hi < min(h+codeAfter, len(buf)) && textByte(buf[hi]) {
				hi++
			}
			line := bytes.TrimSpace(buf[lo:hi])
			out = append(out, String{Text: string(line), Offset: from + int64(lo), Why: Command})
			end = from + int64(hi)
		}
	}
	return out, nil
}

// codeHits lists where tokens begin between two places, in order.
func codeHits(lower []byte, from, to int) []int {
	var hits []int
	for _, t := range codeTokens {
		for i := from; i < to; {
			k := bytes.Index(lower[i:], t)
			if k < 0 || i+k >= to {
				break
			}
			i += k
			if allText(lower[i+len(t) : min(i+len(t)+codeTail, len(lower))]) {
				hits = append(hits, i)
			}
			i += len(t)
		}
	}
	slices.Sort(hits)
	return slices.Compact(hits)
}

// textByte reports whether a byte can stand in a line of code: UTF-8 too.
func textByte(c byte) bool { return c >= 0x20 && c != 0x7f || c == '\t' }

// allText reports whether bytes are ASCII text, line ends included.
func allText(p []byte) bool {
	for _, c := range p {
		if (c < 0x20 || c > 0x7e) && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return true
}
