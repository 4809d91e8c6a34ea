package state

// A record is what is kept of one key, in one piece of words without pointers:
//
//	0, 1  the key's low half
//	2     its shape (16 bits), its class of size (8), how often its set was halved (8)
//	3     words of the stream of attempts (16), of the stream of finished calls (16)
//	4     entries of its set of values (16), those in use (16)
//	5     calls that are going on
//	6     when it was first seen, seconds since 1970
//	7     when its newest attempt was, 0 for none yet
//	8     when the newest call that was let pass was, 0 for none yet
//	9     when the one before that was, 0 for none
//
// then the set, the attempts, the finished calls.
type record []uint32

const (
	open        = 5
	first       = 6
	last        = 7
	passed      = 8
	before      = 9
	header      = 10
	classShift  = 16
	halvedShift = 24
)

func (r record) key() uint64 { return uint64(r[0]) | uint64(r[1])<<32 }

func (r record) shape() int      { return int(r[2] & 0xffff) }
func (r record) class() int      { return int(r[2] >> classShift & 0xff) }
func (r record) halvings() uint8 { return uint8(r[2] >> halvedShift) }

func (r record) entries() int  { return int(r[4] & 0xffff) }
func (r record) values() int   { return int(r[4] >> 16) }
func (r record) attempts() int { return int(r[3] & 0xffff) }
func (r record) finished() int { return int(r[3] >> 16) }

func (r record) setStreams(attempts, finished int) { r[3] = uint32(attempts) | uint32(finished)<<16 }
func (r record) setSet(entries, values int, halvings uint8) {
	r[4] = uint32(entries) | uint32(values)<<16
	r[2] = r[2]&(1<<halvedShift-1) | uint32(halvings)<<halvedShift
}

func (r record) setClass(class int) {
	r[2] = r[2]&^(0xff<<classShift) | uint32(class)<<classShift
}

func (r record) setShape(number int) { r[2] = r[2]&^0xffff | uint32(number) }

// length is how many of its words are in use.
func (r record) length() int { return header + 2*r.entries() + r.attempts() + r.finished() }

func (r record) set() []uint32 { return r[header : header+2*r.entries()] }
func (r record) attemptStream() []uint32 {
	at := header + 2*r.entries()
	return r[at : at+r.attempts()]
}
func (r record) finishedStream() []uint32 {
	at := header + 2*r.entries() + r.attempts()
	return r[at : at+r.finished()]
}

// prune takes off what is older than keep.
func (r record) prune(s *Shape, now tick, keep uint32) {
	if old := forget(r.attemptStream(), s.attemptStride(), now, keep); old > 0 {
		at := header + 2*r.entries()
		copy(r[at:], r[at+old:r.length()])
		r.setStreams(r.attempts()-old, r.finished())
	}
	if old := forget(r.finishedStream(), s.stride(), now, keep); old > 0 {
		at := header + 2*r.entries() + r.attempts()
		copy(r[at:], r[at+old:r.length()])
		r.setStreams(r.attempts(), r.finished()-old)
	}
}

// addAttempt needs a bucket's words behind its length.
func (r record) addAttempt(s *Shape, now tick, tallies []uint32) {
	at, n, finished, stride := header+2*r.entries(), r.attempts(), r.finished(), s.attemptStride()
	copy(r[at+n+stride:at+n+stride+finished], r[at+n:at+n+finished])
	grown := addEvent(r[at:], n, stride, now, tallies)
	if grown < n+stride {
		copy(r[at+grown:], r[at+n+stride:at+n+stride+finished])
	}
	r.setStreams(grown, finished)
}

// addFinished needs a bucket's words behind its length.
func (r record) addFinished(s *Shape, now tick, tallies []uint32) {
	at := header + 2*r.entries() + r.attempts()
	r.setStreams(r.attempts(), addEvent(r[at:], r.finished(), s.stride(), now, tallies))
}
