package state

import "math/bits"

// A distinct set is the values that a key was seen with and when it last was
// with each: an open table of pairs of words, the hash of a value and the time.
// Once it has its largest size it keeps every second value (and then every
// fourth …), by the last bits of the hash: an adaptive sample (Wegman; Flajolet:
// On adaptive sampling, Computing 43, 1990). Up to mostDistinct values it is
// exact but for values whose hashes are the same; at 10,000 its standard error is
// 1 %.
const (
	leastDistinct = 4       // entries of the smallest table
	mostDistinct  = 1 << 13 // entries of the largest
	noValue       = 0       // hash of an empty entry
)

// full tells whether a table of so many entries takes no more.
func full(entries, n int) bool { return n+1 > entries-max(entries/8, 1) }

// valueHash is never noValue, and its low bits are those that sampling goes by.
func valueHash(v uint64) uint32 {
	hi, lo := bits.Mul64(v^0x9e3779b97f4a7c15, 0xd6e8feb86659fd93)
	return max(uint32(hi^lo), 1)
}

// sampled tells whether a table at so many halvings keeps the hash.
func sampled(hash uint32, halvings uint8) bool { return hash&(1<<halvings-1) == 0 }

// putValue notes that a value was there at a time; false when there is no room.
func putValue(table []uint32, n int, hash uint32, at tick) (now int, ok bool) {
	mask := len(table)/2 - 1
	for i := int(bits.Reverse32(hash)) & mask; ; i = (i + 1) & mask {
		switch table[2*i] {
		case hash:
			table[2*i+1] = uint32(at)
			return n, true
		case noValue:
			if full(mask+1, n) {
				return n, false
			}
			table[2*i], table[2*i+1] = hash, uint32(at)
			return n + 1, true
		}
	}
}

// hasValue tells whether a value was there in the window.
func hasValue(table []uint32, hash uint32, now tick, window uint32) bool {
	if len(table) == 0 {
		return false
	}
	mask := len(table)/2 - 1
	for i := int(bits.Reverse32(hash)) & mask; table[2*i] != noValue; i = (i + 1) & mask {
		if table[2*i] == hash {
			return tick(table[2*i+1]).age(now) <= window
		}
	}
	return false
}

// nextTo is how far apart two values are, at most, that continue a run.
const nextTo = 3

// continues tells whether a value that was not there in the window is next to one
// that was. Values that sampling has left out are not seen.
func (r record) continues(value uint64, now tick, window uint32) bool {
	if hasValue(r.set(), valueHash(value), now, window) {
		return false
	}
	for d := uint64(1); d <= nextTo; d++ {
		if hasValue(r.set(), valueHash(value-d), now, window) || hasValue(r.set(), valueHash(value+d), now, window) {
			return true
		}
	}
	return false
}

// moveValues puts what is not older than keep and still sampled into an empty
// table, and returns how many those are.
func moveValues(to, from []uint32, halvings uint8, now tick, keep uint32) (n int) {
	for i := 0; i < len(from); i += 2 {
		if from[i] != noValue && sampled(from[i], halvings) && tick(from[i+1]).age(now) <= keep {
			n, _ = putValue(to, n, from[i], tick(from[i+1]))
		}
	}
	return n
}

// countValues is about how many values were there in the window, or, where there
// are more than enough, some number beyond that.
func countValues(table []uint32, halvings uint8, now tick, window uint32, enough uint64) (n uint64) {
	if enough == 0 {
		enough = 1<<64 - 1
	}
	for i := 0; i < len(table) && n<<halvings <= enough; i += 2 {
		if table[i] != noValue && tick(table[i+1]).age(now) <= window {
			n++
		}
	}
	return n << halvings
}
