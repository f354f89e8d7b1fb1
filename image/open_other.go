//go:build !linux

package image

import "os"

func openEvidence(path string) (*os.File, error) { return os.Open(path) }
