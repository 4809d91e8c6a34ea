package esl

// ring is a queue of bounded length.
type ring[T any] struct {
	items []T
	first int
	len   int
}

func newRing[T any](size int) ring[T] { return ring[T]{items: make([]T, size)} }

func (r *ring[T]) full() bool { return r.len == len(r.items) }

// push adds an item. There must be room.
func (r *ring[T]) push(item T) {
	r.items[(r.first+r.len)%len(r.items)] = item
	r.len++
}

// pop takes the oldest item. There must be one.
func (r *ring[T]) pop() T {
	var none, item T
	item, r.items[r.first] = r.items[r.first], none
	r.first = (r.first + 1) % len(r.items)
	r.len--
	return item
}
