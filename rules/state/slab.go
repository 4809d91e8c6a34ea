package state

// A slab hands out pieces of words, in classes of size, from pages of which it
// takes so many at most. What was given back is handed out again in its class.
type slab struct {
	pages [][]uint32
	most  int // pages
	next  uint32
	free  [len(classes)]ref // lists of pieces that were given back, through their first word
}

// ref is where a piece begins, in words from the first page's beginning; 0 is
// none, which is why the first piece begins later.
type ref uint32

const (
	pageBits  = 15
	pageWords = 1 << pageBits // 128 KB
	pageBytes = 4 * pageWords
)

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
	page := s.pages[r>>pageBits]
	from := uint32(r) & (pageWords - 1)
	return page[from : from+classes[class] : from+classes[class]]
}

// take hands out a piece of a class, 0 when there is none.
func (s *slab) take(class int) ref {
	if r := s.free[class]; r != 0 {
		s.free[class] = ref(s.at(r, class)[0])
		return r
	}
	left := uint32(len(s.pages))<<pageBits - s.next
	if classes[class] > left {
		if len(s.pages) >= s.most {
			return 0
		}
		s.share(left)
		s.next = uint32(len(s.pages)) << pageBits
		s.pages = append(s.pages, make([]uint32, pageWords))
		if s.next == 0 {
			s.next = classes[0]
			return s.take(class)
		}
	}
	r := ref(s.next)
	s.next += classes[class]
	return r
}

// share gives what is left of a page to the classes that it is enough for.
func (s *slab) share(left uint32) {
	for class := len(classes) - 1; class >= 0; class-- {
		for ; classes[class] <= left; left -= classes[class] {
			r := ref(s.next)
			s.next += classes[class]
			s.give(r, class)
		}
	}
}

// give takes a piece back.
func (s *slab) give(r ref, class int) {
	s.at(r, class)[0] = uint32(s.free[class])
	s.free[class] = r
}

func (s *slab) bytes() int64 { return int64(len(s.pages)) * pageBytes }
