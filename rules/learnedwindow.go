package rules

const (
	windowAnswers = 100 // recent final answers of an upstream that are looked at
	windowEnough  = 20  // of them, before they say anything
)

// UpstreamStats says how an upstream has answered of late.
type UpstreamStats struct {
	Name     string
	Answers  int    // final answers looked at, at most the last 100
	Teaching int    // of them, those with a status that teaches
	Silenced bool   // half of 20 or more teach: that is a fault, so none does
	Alarms   uint64 // how often it was silenced
}

// window holds the recent final answers of one upstream for one learned list.
type window struct {
	answers  [windowAnswers]answerSeen
	next     int
	length   int
	teaching int
	silenced bool
	alarms   uint64
}

type answerSeen struct {
	teaching bool
	learned  learnedKey // the number that it put on the list, zero for none
}

// see counts an answer; place is where note can find it.
func (w *window) see(teaching bool) (place int) {
	place = w.next
	if w.length < windowAnswers {
		w.length++
	} else if w.answers[place].teaching {
		w.teaching--
	}
	w.answers[place] = answerSeen{teaching: teaching}
	if teaching {
		w.teaching++
	}
	w.next = (place + 1) % windowAnswers
	return place
}

// odd tells whether so many answers teach that it must be a fault.
func (w *window) odd() bool { return w.length >= windowEnough && 2*w.teaching >= w.length }

// judge silences the upstream or hears it again; true when it was silenced now.
func (w *window) judge() bool {
	before := w.silenced
	w.silenced = w.odd()
	if w.silenced && !before {
		w.alarms++
		return true
	}
	return false
}

// note keeps which number an answer put on the list.
func (w *window) note(place int, key learnedKey) { w.answers[place].learned = key }

// recall gives the numbers that the answers in the window put on the list, and
// forgets them.
func (w *window) recall(take func(learnedKey)) {
	for i := range w.answers {
		if key := w.answers[i].learned; key != (learnedKey{}) {
			take(key)
			w.answers[i].learned = learnedKey{}
		}
	}
}

func (w *window) stats(name string) UpstreamStats {
	return UpstreamStats{Name: name, Answers: w.length, Teaching: w.teaching, Silenced: w.silenced, Alarms: w.alarms}
}
