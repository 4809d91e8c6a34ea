package rules

import (
	"fmt"
	"math/bits"
	"runtime"
	"slices"
)

// bulk holds numbers that have nothing beside them: two bytes a number, and
// less where they are dense. A block is the numbers that have all digits but
// the last four in common. It holds those four of each number, sorted, or when
// that is smaller a bit for each of the ten thousand.
type bulk struct {
	starts []uint32         // by block where its words begin, and at the end where they end
	blocks map[uint64]int32 // places of blocks outside the NANP by number / blockSize
	words  []uint16
	size   int // in numbers
}

const (
	blockSize   = 10_000
	nanpBlocks  = 1_000_000        // they come first, by area code and exchange
	nanpBlock   = nanp / blockSize // the first of them
	bitmapWords = blockSize / 16   // a block of so many words is a bitmap
	nearby      = 16               // numbers looked at one by one about where a number should be
)

// has tells whether the number is among those of b.
func (b *bulk) has(number uint64) bool {
	at := number/blockSize - nanpBlock
	if at >= nanpBlocks {
		other, ok := b.blocks[number/blockSize]
		if !ok {
			return false
		}
		at = uint64(other)
	}
	block, line := b.words[b.starts[at]:b.starts[at+1]], uint16(number%blockSize)
	found := false
	if len(block) == bitmapWords {
		found = block[line/16]&(1<<(line%16)) != 0
	} else if len(block) > 0 {
		found = holds(block, line)
	}
	runtime.KeepAlive(b) // with the memory that its words are in
	return found
}

// holds looks for line in a sorted block, which is not empty, from where it
// would be if the block were even.
func holds(block []uint16, line uint16) bool {
	at := int(line) * len(block) / blockSize
	if block[at] < line {
		for end := min(at+nearby, len(block)); at < end; at++ {
			if block[at] >= line {
				return block[at] == line
			}
		}
		_, found := slices.BinarySearch(block[at:], line)
		return found
	}
	for end := max(at-nearby, -1); at > end; at-- {
		if block[at] <= line {
			return block[at] == line
		}
	}
	_, found := slices.BinarySearch(block[:at+1], line)
	return found
}

// bulkBuilder makes a bulk of numbers that it is told twice: first count, then
// allocate, then fill with the same numbers, then finish. So it needs no memory
// beside that of the bulk.
type bulkBuilder struct {
	*bulk
	counts   []uint32 // by block: of the numbers counted, then of those filled in
	keys     []uint64 // number / blockSize of the blocks outside the NANP
	numbers  int      // counted
	put      int      // filled in
	repeated int      // filled in more than once
	counted  digest
	filled   digest
	strange  bool     // a number was filled in that was not counted
	pending  []uint64 // not put into their blocks yet
}

// digest tells one sequence of numbers from another.
type digest uint64

func (d *digest) add(number uint64) { *d = (*d ^ digest(number)) * 0x9e3779b97f4a7c15 }

func newBulkBuilder() *bulkBuilder {
	return &bulkBuilder{bulk: &bulk{blocks: map[uint64]int32{}}, counts: make([]uint32, nanpBlocks), pending: make([]uint64, 0, 512)}
}

// add counts n numbers of a block and gives its place.
func (b *bulkBuilder) add(key uint64, n uint32) int {
	at := key - nanpBlock
	if at >= nanpBlocks {
		other, ok := b.blocks[key]
		if !ok {
			other = int32(len(b.counts))
			b.blocks[key] = other
			b.counts, b.keys = append(b.counts, 0), append(b.keys, key)
		}
		at = uint64(other)
	}
	b.counts[at] += n
	b.numbers += int(n)
	return int(at)
}

// count takes note of a number.
func (b *bulkBuilder) count(number uint64) {
	b.add(number/blockSize, 1)
	b.counted.add(number)
}

// allocate makes room for what was counted.
func (b *bulkBuilder) allocate() error {
	words := uint64(0)
	for _, n := range b.counts {
		words += uint64(min(n, bitmapWords))
	}
	r, err := newRoom(len(b.counts)+1, int(words))
	if err != nil {
		return fmt.Errorf("no memory for %d numbers: %w", b.numbers, err)
	}
	b.starts, b.words = r.starts, r.words
	runtime.AddCleanup(b.bulk, (*room).release, r)
	for i, n := range b.counts {
		b.starts[i+1] = b.starts[i] + min(n, bitmapWords)
	}
	clear(b.counts)
	return nil
}

// fill takes a number that was counted, and puts it in.
func (b *bulkBuilder) fill(number uint64, put bool) {
	b.filled.add(number)
	if !put {
		return
	}
	b.put++
	if b.pending = append(b.pending, number); len(b.pending) == cap(b.pending) {
		b.flush()
	}
}

// flush puts in the numbers that wait: one after the other in a short loop, so
// that the processor waits for the memory of several at a time.
func (b *bulkBuilder) flush() {
	for _, number := range b.pending {
		at := number/blockSize - nanpBlock
		if at >= nanpBlocks {
			other, ok := b.blocks[number/blockSize]
			if !ok {
				b.strange = true
				continue
			}
			at = uint64(other)
		}
		block, line := b.words[b.starts[at]:b.starts[at+1]], uint16(number%blockSize)
		if len(block) == bitmapWords {
			block[line/16] |= 1 << (line % 16)
			continue
		}
		n := b.counts[at]
		if int(n) >= len(block) {
			b.strange = true
			continue
		}
		block[n] = line
		b.counts[at] = n + 1
	}
	b.pending = b.pending[:0]
}

// finish sorts the blocks, takes out what is there twice and what out says, and
// closes the gaps. It is false when the numbers were not those counted.
func (b *bulkBuilder) finish(out func(number uint64) bool) (*bulk, bool) {
	b.flush()
	if b.strange || b.counted != b.filled {
		return nil, false
	}
	end, removed := uint32(0), 0
	for i := range b.counts {
		block := b.words[b.starts[i]:b.starts[i+1]]
		if len(block) == 0 {
			b.starts[i] = end
			continue
		}
		if len(block) < bitmapWords {
			block = block[:b.counts[i]] // others may have been counted and not put in
		}
		lines := linesOf(block)
		if out != nil {
			removed += lines.remove(b.key(i)*blockSize, out)
		}
		b.starts[i] = end // in the gap that the blocks before left, or where it is
		end += lines.write(b.words[end:])
		b.size += lines.count()
	}
	b.starts[len(b.counts)] = end
	b.words = shrink(b.words, int(end))
	b.repeated = b.put - b.size - removed
	return b.bulk, true
}

// key is number / blockSize of the block at a place.
func (b *bulkBuilder) key(at int) uint64 {
	if at < nanpBlocks {
		return nanpBlock + uint64(at)
	}
	return b.keys[at-nanpBlocks]
}

// lineSet is the set of the last four digits of a block's numbers.
type lineSet [(blockSize + 63) / 64]uint64

// linesOf reads a block: a bitmap, or the lines in any order.
func linesOf(block []uint16) (s lineSet) {
	if len(block) == bitmapWords {
		for i, w := range block {
			s[i/4] |= uint64(w) << (i % 4 * 16)
		}
		return s
	}
	for _, line := range block {
		s[line/64] |= 1 << (line % 64)
	}
	return s
}

func (s *lineSet) count() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// remove takes out the lines whose numbers out says, and counts them; first is
// the number of line 0.
func (s *lineSet) remove(first uint64, out func(number uint64) bool) (removed int) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			if line := 64*i + bits.TrailingZeros64(w); out(first + uint64(line)) {
				s[i] &^= 1 << (line % 64)
				removed++
			}
		}
	}
	return removed
}

// write writes a block to the start of words and gives its length.
func (s *lineSet) write(words []uint16) uint32 {
	if s.count() >= bitmapWords {
		for i := range words[:bitmapWords] {
			words[i] = uint16(s[i/4] >> (i % 4 * 16))
		}
		return bitmapWords
	}
	n := uint32(0)
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			words[n] = uint16(64*i + bits.TrailingZeros64(w))
			n++
		}
	}
	return n
}
