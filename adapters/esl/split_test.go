//go:build !race

package esl

// splitStep is from one offset at which a long message is split to the next.
const splitStep = 1
