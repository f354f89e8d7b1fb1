package main

import (
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"

	"deadbox/fs/filesystem"
)

// xattrText is the value of an extended attribute for people, not yet escaped:
// decoded, else as it is if it is text, else in hexadecimal.
func xattrText(x *filesystem.Xattr) string {
	if text, ok := x.Decode(); ok {
		return text
	}
	if len(x.Value) > 0 && utf8.Valid(x.Value) && !strings.ContainsFunc(string(x.Value), func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return strconv.Quote(string(x.Value))
	}
	return "0x" + hex.EncodeToString(x.Value)
}
