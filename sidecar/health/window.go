package health

// steps is how many parts a window has.
const steps = 5

// Counts are of calls that are over.
type Counts struct {
	Calls    int `json:"calls"`
	Answered int `json:"answered"`
	Short    int `json:"short"` // answered, and over soon
	Blocked  int `json:"blocked"`
}

func (t *Counts) add(o Counts) {
	t.Calls += o.Calls
	t.Answered += o.Answered
	t.Short += o.Short
	t.Blocked += o.Blocked
}

// less is t without o.
func (t Counts) less(o Counts) Counts {
	return Counts{t.Calls - o.Calls, t.Answered - o.Answered, t.Short - o.Short, t.Blocked - o.Blocked}
}

// bad are the calls that an alarm of that kind is about.
func (t Counts) bad(k Kind) int {
	return [...]int{AnswerRate: t.Calls - t.Answered, BlockShare: t.Blocked, ShortShare: t.Short}[k]
}

// share is a part of a whole, 0 of nothing.
func share(part, whole int) float64 {
	if whole <= 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// window counts the calls of the last whole steps, and of the present one.
type window struct {
	past [steps]Counts
	next int    // of past, to be replaced
	sum  Counts // of past
	now  Counts
}

// move ends the present step.
func (w *window) move() {
	w.sum = w.sum.less(w.past[w.next])
	w.sum.add(w.now)
	w.past[w.next], w.now = w.now, Counts{}
	w.next = (w.next + 1) % steps
}

// maxSources are the sources that a step of an upstream tells apart.
const maxSources = 128

// sources counts the calls of a step by whom they came from. It holds whoever
// has more than one of 129 calls, however many others there are (Misra and
// Gries), and what it counts is never too much.
type sources map[Subject]*weighed

type weighed struct {
	Counts
	weight int
}

func (s *sources) add(of Subject, one Counts) {
	if *s == nil {
		*s = make(sources)
	}
	known := (*s)[of]
	switch {
	case known != nil:
	case len(*s) < maxSources:
		known = new(weighed)
		(*s)[of] = known
	default:
		for who, w := range *s {
			if w.weight--; w.weight == 0 {
				delete(*s, who)
			}
		}
		return
	}
	known.add(one)
	known.weight++
}

// most is who has the most bad calls of that kind in all steps.
func most(all []sources, k Kind) (of Subject, counts Counts) {
	sums := make(map[Subject]Counts)
	for _, step := range all {
		for who, w := range step {
			sum := sums[who]
			sum.add(w.Counts)
			sums[who] = sum
		}
	}
	for who, sum := range sums {
		bad, before := sum.bad(k), counts.bad(k)
		if bad > before || bad == before && bad > 0 && who.String() < of.String() {
			of, counts = who, sum
		}
	}
	return of, counts
}
