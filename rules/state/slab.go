package state

// A slab hands out pieces of words, in classes of size, from pages of which it
// takes so many at most. What was given back is handed out again in its class.
type slab struct {
	memory    *memory
	pages     int               // taken
	most      int               // that may be taken
	next, end ref               // what is left of the last page
	free      [len(classes)]ref // lists of pieces that were given back, through their first word
}

// ref is where a piece begins in the memory; 0 is none.
type ref uint32

// classes are the sizes of pieces, in words. The largest holds a full set and
// full streams.
var classes = [...]uint32{16, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256, 320, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 10240, 12288, 16384, 20480, 24576, pageWords}

// classOf is the smallest class of n words at least, -1 when none is.
func classOf(n int) int {
	for i, words := range classes {
		if n <= int(words) {
			return i
		}
	}
	return -1
}

// at is the piece of a class that begins there.
func (s *slab) at(r ref, class int) []uint32 {
	return s.memory.words[r:][:classes[class]:classes[class]]
}

// take hands out a piece of a class, 0 when there is none.
func (s *slab) take(class int) ref {
	if r := s.free[class]; r != 0 {
		s.free[class] = ref(s.memory.words[r])
		return r
	}
	size := ref(classes[class])
	if size > s.end-s.next {
		if s.pages >= s.most {
			return 0
		}
		page, ok := s.memory.take(1)
		if !ok {
			return 0
		}
		s.adopt(page)
	}
	r := s.next
	s.next += size
	return r
}

// adopt makes a page the one that pieces are cut from. What is left of the one
// before goes to the classes that it is enough for.
func (s *slab) adopt(page ref) {
	for class := len(classes) - 1; class >= 0; class-- {
		for size := ref(classes[class]); size <= s.end-s.next; s.next += size {
			s.give(s.next, class)
		}
	}
	s.pages++
	s.next, s.end = page, page+pageWords
}

// give takes a piece back.
func (s *slab) give(r ref, class int) {
	s.memory.words[r] = uint32(s.free[class])
	s.free[class] = r
}

func (s *slab) bytes() int64 { return int64(s.pages) * pageBytes }
