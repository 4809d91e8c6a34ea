//go:build !linux

package sidecar

// giveWay does nothing: only Linux gives threads priorities of their own.
func giveWay() {}
