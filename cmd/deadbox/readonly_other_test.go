//go:build !linux

package main

import (
	"errors"
	"testing"
)

func mountReadOnly(t *testing.T, dir string) error { return errors.ErrUnsupported }
