package rules

import "container/heap"

// lessonHeap orders lessons by when they expire, soonest first.
type lessonHeap []*lesson

func (h *lessonHeap) add(x *lesson)    { heap.Push(h, x) }
func (h *lessonHeap) remove(x *lesson) { heap.Remove(h, int(x.place)) }

// move gives a lesson another end.
func (h *lessonHeap) move(x *lesson, until int64) {
	x.until = until
	heap.Fix(h, int(x.place))
}

// Len, Less, Swap, Push and Pop are what container/heap asks for.
func (h lessonHeap) Len() int           { return len(h) }
func (h lessonHeap) Less(i, j int) bool { return h[i].until < h[j].until }
func (h lessonHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = int32(i), int32(j)
}

func (h *lessonHeap) Push(x any) {
	l := x.(*lesson)
	l.place = int32(len(*h))
	*h = append(*h, l)
}

func (h *lessonHeap) Pop() any {
	old := *h
	last := len(old) - 1
	x := old[last]
	old[last] = nil
	*h = old[:last]
	return x
}
