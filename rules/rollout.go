package rules

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// Share is a part of a whole in tenths of a per cent.
type Share uint16

// wholeShare is all of it.
const wholeShare Share = 1000

// String is the share as rule files write it.
func (s Share) String() string {
	text := strconv.Itoa(int(s / 10))
	if s%10 != 0 {
		text += "." + strconv.Itoa(int(s%10))
	}
	return text + "%"
}

// decimal is the share as a number from 0 to 1.
func (s Share) decimal() string {
	return strconv.FormatFloat(float64(s)/float64(wholeShare), 'f', -1, 64)
}

// parsePercent reads 0.1% to 100%, with one decimal at most.
func parsePercent(text string) (Share, bool) {
	digits, ok := strings.CutSuffix(text, "%")
	whole, tenth, decimal := strings.Cut(digits, ".")
	n, err := strconv.ParseUint(whole, 10, 16)
	if !ok || err != nil || n > 100 || decimal && (len(tenth) != 1 || tenth[0] < '0' || tenth[0] > '9') {
		return 0, false
	}
	if n *= 10; decimal {
		n += uint64(tenth[0] - '0')
	}
	return Share(n), n >= 1 && n <= uint64(wholeShare)
}

// rollsOut tells whether r is enforced for the caller of c, of whom its rollout
// takes a share. It is a function of the rule's id and the caller alone, the
// same after a restart and on every node, and a larger share keeps who was in
// the smaller one.
func (r *Rule) rollsOut(c *Call) bool {
	return Share(scatter(r.salt^scatter(callerKey(c)))>>32*uint64(wholeShare)>>32) < r.Rollout
}

// callerKey stands for who calls: the number, else the account, else the
// address that the call came from.
func callerKey(c *Call) uint64 {
	switch k := c.caller.Kind(); {
	case k == Global || k == Private:
		return c.caller.key
	case c.Account != "":
		return hashText(c.Account)
	}
	a := c.Source.Unmap().As16()
	return binary.BigEndian.Uint64(a[:8]) ^ scatter(binary.BigEndian.Uint64(a[8:]))
}

// hashText is FNV-1a, which has no seed: what it says of a text is the same in
// every process.
func hashText(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// scatter spreads neighbouring keys over all values (the finalizer of
// SplitMix64).
func scatter(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Trying says how far r is from being enforced for every call: its mode, with its
// rollout.
func (r *Rule) Trying() string {
	if r.Mode == Enforce && r.Rollout != 0 {
		return r.Mode.String() + " " + r.Rollout.String()
	}
	return r.Mode.String()
}
