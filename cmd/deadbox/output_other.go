//go:build !linux

package main

// refuseSameDevice knows of mounted evidence only on Linux.
func refuseSameDevice(path string, evidence []string) error { return nil }
