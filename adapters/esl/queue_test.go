package esl

import (
	"context"
	"errors"
	"io"
	"testing"

	"pgregory.net/rapid"
)

// TestQueue holds the queue against a model of it: events come out in order, a
// gap is told only where one is, and none stays untold.
func TestQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 5).Draw(t, "size")
		q := newQueue(size)
		numbers := map[*Event]int{}
		var kept, untold []int // what is in the queue, and what was dropped
		put, dropped := 0, 0
		closed := false
		take := func() (any bool) {
			e, err := q.next()
			switch {
			case errors.Is(err, ErrLagged):
				if len(untold) == 0 || len(kept) > 0 && kept[0] < untold[0] {
					t.Fatalf("a gap is told where none is: kept %v, untold %v", kept, untold)
				}
				for len(untold) > 0 && (len(kept) == 0 || untold[0] < kept[0]) {
					untold = untold[1:]
				}
			case e != nil:
				if len(kept) == 0 || kept[0] != numbers[e] {
					t.Fatalf("event %d, want the first of %v", numbers[e], kept)
				}
				kept = kept[1:]
			default:
				if len(kept) > 0 || len(untold) > 0 || closed != (err != nil) {
					t.Fatalf("the end, %v; kept %v, untold %v", err, kept, untold)
				}
				return false
			}
			return true
		}
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			if rapid.IntRange(0, 2).Draw(t, "take") == 0 {
				take()
				continue
			}
			put++
			e := new(Event)
			numbers[e] = put
			if len(kept) < size {
				kept = append(kept, put)
			} else {
				untold = append(untold, put)
				dropped++
			}
			q.put(e)
			if waiting, lost := q.length(); waiting != len(kept) || lost != uint64(dropped) {
				t.Fatalf("%d wait and %d are lost, want %d and %d", waiting, lost, len(kept), dropped)
			}
		}
		if closed = rapid.Bool().Draw(t, "closed"); closed {
			q.close(io.ErrUnexpectedEOF)
		}
		for take() {
		}
	})
}

// TestQueueLagging has a reader that is always too slow: he is told of gaps
// once each time that he has read as many events as the queue holds, and not
// before each of them.
func TestQueueLagging(t *testing.T) {
	const size = 10
	q := newQueue(size)
	told, events := 0, 0
	for range 100 * size {
		q.put(new(Event))
		q.put(new(Event))
		switch _, err := q.next(); err {
		case nil:
			events++
		case ErrLagged:
			told++
		default:
			t.Fatal(err)
		}
	}
	if most := events/(size-1) + 1; told > most || told < most/2 {
		t.Errorf("told %d times among %d events, want about one in %d", told, events, size)
	}
}

// TestQueueWakes has several readers, each of which gets one of the last events.
func TestQueueWakes(t *testing.T) {
	const readers = 8
	q := newQueue(readers)
	got := make(chan error, readers+1)
	for range readers {
		go func() {
			_, err := q.take(context.Background())
			got <- err
		}()
	}
	for range readers - 2 {
		q.put(new(Event))
	}
	q.close(io.EOF)
	ends := 0
	for range readers {
		if err := <-got; err == io.EOF {
			ends++
		} else if err != nil {
			t.Error(err)
		}
	}
	if ends != 2 {
		t.Errorf("%d readers were told the end, want 2", ends)
	}
}
