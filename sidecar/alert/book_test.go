package alert

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var start = time.Date(2026, 6, 3, 10, 0, 0, 0, time.UTC)

// TestBook raises alerts of one key at minutes after the start and looks every
// minute at what was held back for a quarter of an hour.
func TestBook(t *testing.T) {
	const every = 15 * time.Minute
	for _, c := range []struct {
		name   string
		raised map[int]State
		more   map[int]int // that many in the minute
		want   []string    // minute, state and count
	}{
		{"begins and ends", map[int]State{0: Begin, 20: End}, nil, []string{"0 begin 1", "20 end 1"}},
		{"ends at once", map[int]State{0: Begin, 1: End}, nil, []string{"0 begin 1", "1 end 1"}},
		{"goes on", map[int]State{0: Begin}, nil, []string{"0 begin 1"}},
		{"begins again and again", map[int]State{0: Begin, 3: Begin, 6: Begin, 9: Begin, 40: Begin}, nil, []string{"0 begin 1", "15 begin 3", "40 begin 1"}},
		{"what was held is counted in the end", map[int]State{0: Begin, 3: Begin, 6: Begin, 7: End}, nil, []string{"0 begin 1", "7 end 3"}},
		{"flutters", map[int]State{0: Begin, 1: End, 2: Begin, 3: End, 4: Begin}, nil, []string{"0 begin 1", "1 end 1", "16 begin 3"}},
		{"flutters and has ended", map[int]State{0: Begin, 1: End, 2: Begin, 3: End}, nil, []string{"0 begin 1", "1 end 1", "16 end 2"}},
		{"ends that nobody knows of the beginning of", map[int]State{5: End}, nil, []string{"5 end 1"}},
		{"once", map[int]State{0: Once}, nil, []string{"0 once 1"}},
		{"once, very often", map[int]State{0: Once, 10: Once, 20: Once}, map[int]int{10: 1000, 20: 500}, []string{"0 once 1", "15 once 1000", "30 once 500"}},
		{"once, rarely", map[int]State{0: Once, 50: Once}, nil, []string{"0 once 1", "50 once 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBook()
			var got []string
			for minute := range 60 {
				now := start.Add(time.Duration(minute) * time.Minute)
				told := b.due(now, every)
				if state, ok := c.raised[minute]; ok {
					for range max(c.more[minute], 1) {
						if n, ok := b.take(Alert{Subject: "upstream a", State: state}, now, every); ok {
							told = append(told, n)
						}
					}
				}
				for _, n := range told {
					got = append(got, fmt.Sprint(minute, " ", n.State, " ", n.count))
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBookTellsKeysApart(t *testing.T) {
	b := newBook()
	for i, x := range []Alert{{Kind: AnswerRate, Subject: "upstream a"}, {Kind: BlockShare, Subject: "upstream a"}, {Kind: AnswerRate, Subject: "trunk a"}} {
		if _, ok := b.take(x, start, time.Minute); !ok {
			t.Errorf("alert %d was held back", i)
		}
	}
}

func TestBookForgets(t *testing.T) {
	b := newBook()
	for i := range maxKeys + 10 {
		b.take(Alert{Subject: fmt.Sprint(i), State: Once}, start.Add(time.Duration(i)), time.Minute)
	}
	if len(b.pages) != maxKeys || b.pages[key{subject: "9"}] != nil || b.pages[key{subject: "10"}] == nil {
		t.Errorf("%d keys are remembered, want the last %d", len(b.pages), maxKeys)
	}
	b.take(Alert{Subject: "lasting", State: Begin}, start, time.Minute)
	if all := b.due(start.Add(time.Hour), time.Minute); len(all) != 0 {
		t.Errorf("%d summaries of what was never held back", len(all))
	}
	if len(b.pages) != 1 {
		t.Errorf("%d keys are remembered an hour later, want the one that lasts", len(b.pages))
	}
}

// A clock that was set back does not silence an alert for as long.
func TestBookAfterTheClockWasSetBack(t *testing.T) {
	b := newBook()
	b.take(Alert{State: Begin}, start, time.Minute)
	b.take(Alert{State: Begin}, start.Add(-time.Hour), time.Minute)
	if all := b.due(start.Add(-time.Hour+time.Minute), time.Minute); len(all) != 1 {
		t.Errorf("%d summaries a minute later, want one", len(all))
	}
}
