//go:build race

package esl

// splitStep is from one offset at which a long message is split to the next: the
// race detector takes ten times as long, and finds nothing in a single goroutine.
const splitStep = 521
