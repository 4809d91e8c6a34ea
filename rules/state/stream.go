package state

import "time"

// A stream is what happened to one key, in sliding windows of any length: an
// exponential histogram (Datar, Gionis, Indyk, Motwani: Maintaining Stream
// Statistics over Sliding Windows, SIAM J. Comput. 31(6), 2002). A bucket stands
// for 2^i events, the newest of which happened at its time, and for what those
// events add up to. The oldest bucket that a window reaches counts as a whole: a
// burst is never counted short, and a count is too high by 1/sameSize at most.
//
// Its words are those of a record: a bucket is a word with its size and time,
// and a word for each tally; the oldest bucket is the first.

// sameSize is how many buckets of one size a stream keeps, at least, before two
// of them become one of the next size. It sets the error of a count: 1/40 at
// most, when the whole of the oldest bucket but its newest event is outside the
// window and nothing larger is inside.
const sameSize = 40

// A tick is a sixteenth of a second, modulo 97 days: an age is right when it is
// below 48 days. Windows are of 30 days at most.
type tick uint32

const (
	tickBits = 27
	tickMask = 1<<tickBits - 1
	ticks    = 16 // a second
)

func tickOf(t time.Time) tick { return tick(t.UnixMilli()*ticks/1000) & tickMask }

// age is how long before now t was; 0 when it was after it.
func (t tick) age(now tick) uint32 {
	age := uint32(now-t) & tickMask
	if age > tickMask/2 {
		return 0
	}
	return age
}

// span is a window in ticks.
func span(d time.Duration) uint32 {
	return uint32(min(max(d, 0), MaxWindow) * ticks / time.Second)
}

func bucketTime(w uint32) tick   { return tick(w & tickMask) }
func bucketSize(w uint32) uint32 { return w >> tickBits }

// addEvent appends an event to a stream of n words, whose buckets have so many
// words each, and returns its new length. There is room for one bucket more. An
// event before the newest one is taken as happening with it.
func addEvent(s []uint32, n, stride int, at tick, tallies []uint32) int {
	if n > 0 {
		if newest := bucketTime(s[n-stride]); newest.age(at) == 0 {
			at = newest
		}
	}
	s[n] = uint32(at)
	copy(s[n+1:n+stride], tallies)
	n += stride
	for end, size := n, uint32(0); ; size++ {
		start := end
		for start > 0 && bucketSize(s[start-stride]) == size {
			start -= stride
		}
		if end-start <= (sameSize+1)*stride {
			return n
		}
		// The two oldest of this size become the newest of the next.
		s[start] = s[start+stride] + 1<<tickBits
		for i := 1; i < stride; i++ {
			s[start+i] = addSaturated(s[start+i], s[start+stride+i])
		}
		copy(s[start+stride:n], s[start+2*stride:n])
		n -= stride
		end = start + stride
	}
}

// notCounted is a tally of events when nobody counted it yet, or more than there
// is room for. Added to, it stays so.
const notCounted = 1<<32 - 1

func addSaturated(a, b uint32) uint32 {
	if sum := a + b; sum >= a {
		return sum
	}
	return notCounted
}

// forget tells how many words at the beginning of a stream are of buckets older
// than keep.
func forget(s []uint32, stride int, now tick, keep uint32) int {
	n := 0
	for n < len(s) && bucketTime(s[n]).age(now) > keep {
		n += stride
	}
	return n
}

// count is how many events of a stream lie in the window that ends now.
func count(s []uint32, stride int, now tick, window uint32) (events uint64) {
	for i := len(s) - stride; i >= 0 && bucketTime(s[i]).age(now) <= window; i -= stride {
		events += 1 << bucketSize(s[i])
	}
	return events
}

// sum is what those events add up to in one tally, and how many they are: back to
// when the tally was not counted.
func sum(s []uint32, stride int, now tick, window uint32, tally int) (total, events uint64) {
	for i := len(s) - stride; i >= 0 && bucketTime(s[i]).age(now) <= window && s[i+1+tally] != notCounted; i -= stride {
		total += uint64(s[i+1+tally])
		events += 1 << bucketSize(s[i])
	}
	return total, events
}

// sums is what those events add up to in two tallies: back to when one of them was
// not counted.
func sums(s []uint32, stride int, now tick, window uint32, a, b int) (ofA, ofB uint64) {
	for i := len(s) - stride; i >= 0 && bucketTime(s[i]).age(now) <= window && s[i+1+a] != notCounted && s[i+1+b] != notCounted; i -= stride {
		ofA += uint64(s[i+1+a])
		ofB += uint64(s[i+1+b])
	}
	return ofA, ofB
}
