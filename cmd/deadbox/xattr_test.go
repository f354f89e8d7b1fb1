package main

import (
	"testing"

	"deadbox/fs/filesystem"
)

func TestXattrText(t *testing.T) {
	for value, want := range map[string]string{"plain": `"plain"`, "\x00\xff": "0x00ff", "": "0x", "a\x1b[2J": "0x611b5b324a"} {
		if got := xattrText(&filesystem.Xattr{Name: "user.x", Value: []byte(value)}); got != want {
			t.Errorf("xattrText(%q) = %q, want %q", value, got, want)
		}
	}
}
