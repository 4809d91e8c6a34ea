package rules

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// callID is the id of the i-th call of a test, before Pending has it.
func callID(i int) ID { return ID([]byte(fmt.Sprintf("06c1a2b3%06d000000", i))) }

// added remembers the i-th call of a test and tells its id.
func (p *Pending) added(i int, call pendingCall) ID {
	id := callID(i)
	p.Add(&id, &call)
	return id
}

// recall is what is remembered of a call.
func (p *Pending) recall(id ID) (pendingCall, bool) {
	s, at := p.find(&id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if slot := s.slot(&id, at); slot != nil {
		return slot.call, true
	}
	return pendingCall{}, false
}

func TestPendingRemembersTheNewest(t *testing.T) {
	p := newPending(10)
	var ids []ID
	for i := range 25 {
		ids = append(ids, p.added(i, pendingCall{Caller: Number{12025550000 + uint64(i)}, Origin: 7}))
	}
	for i, id := range ids {
		call, ok := p.recall(id)
		if ok != (i >= 15) || ok && call.Caller.key != 12025550000+uint64(i) {
			t.Errorf("call %d: %v, %v", i, call, ok)
		}
	}
	if got, want := p.Stats(), (PendingStats{Length: 10, Capacity: 10, Open: 10, Evicted: 15}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if _, ok := p.recall(ID{}); ok {
		t.Error("there is a call of no id")
	}
}

func TestPendingHasTheSizeAskedFor(t *testing.T) {
	for _, size := range []int{-1, 0, 1, 2, 127, 128, 1000, 4096, 100_000} {
		p := newPending(size)
		for range 2 * max(size, 1) {
			id := newID(noon)
			p.Add(&id, &pendingCall{})
			if _, ok := p.recall(id); !ok || id.String()[:8] != newID(noon).String()[:8] {
				t.Fatalf("size %d: %s is forgotten at once", size, id)
			}
		}
		got := p.Stats()
		if got.Capacity != max(size, 1) || got.Length > got.Capacity || got.Length < got.Capacity*9/10 {
			t.Errorf("size %d: %+v", size, got)
		}
	}
}

// A small Pending behaves as a map of the newest calls does.
func TestPendingAgainstAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 12).Draw(t, "size")
		p := newPending(size)
		model, order := map[ID]stage{}, []ID{}
		for i := range rapid.IntRange(1, 200).Draw(t, "steps") {
			id := callID(999_999 - i) // of no call
			if n := rapid.IntRange(-1, len(order)-1).Draw(t, "id"); n >= 0 {
				id = order[n]
			}
			_, known := model[id]
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				id = p.added(i, pendingCall{})
				model[id] = waiting
				if order = append(order, id); len(model) > size {
					delete(model, order[len(order)-1-size])
				}
			case 1:
				if _, ok := p.recall(id); ok != known {
					t.Fatalf("%v is found: %v, want %v", id, ok, known)
				}
			case 2:
				o := Outcome{ID: id, Code: rapid.SampledFrom([]int{200, 404}).Draw(t, "code"), Ended: rapid.Bool().Draw(t, "ended")}
				reached := over
				if o.Code == 200 && !o.Ended {
					reached = answered
				}
				want, first := Counted, known && model[id] == waiting
				switch {
				case !known:
					want = Unknown
				case reached <= model[id]:
					want, first = Duplicate, false
				default:
					model[id] = reached
				}
				if _, which, got := p.observe(&o); got != want || which.first != first || which.last != (got == Counted && reached == over) {
					t.Fatalf("%+v is %v, %+v; want %v, first %v", o, got, which, want, first)
				}
			}
		}
		open := 0
		for _, s := range model {
			if s != over {
				open++
			}
		}
		if got := p.Stats(); got.Length != len(model) || got.Open != open {
			t.Fatalf("%+v, want %d calls and %d open", got, len(model), open)
		}
	})
}

func TestPendingTogether(t *testing.T) {
	p := newPending(16384)
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 1000 {
				id := p.added(g*10_000+i, pendingCall{})
				if _, which, seen := p.observe(&Outcome{ID: id, Code: 404}); seen != Counted || !which.first || !which.last {
					t.Errorf("call %v: %v", id, seen)
				}
			}
		})
	}
	all.Wait()
	if got := p.Stats(); got.Length != 4000 || got.Open != 0 || got.Evicted != 0 {
		t.Errorf("%+v", got)
	}
}

func TestObserve(t *testing.T) {
	carriers, err := newTrunks([]Trunk{{Name: "carrier-a", Networks: networks("192.0.2.0/24")}, {Name: "carrier-b"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	upstream := netip.MustParseAddr("192.0.2.7")
	type step struct {
		o    Outcome
		want Observed
	}
	for _, tt := range []struct {
		name  string
		steps []step
		known bool
	}{
		{"a 404 from an address", []step{{Outcome{Code: 404, Upstream: upstream, Ended: true}, Counted}}, true},
		{"a 404 from a trunk by name", []step{{Outcome{Code: 404, Carrier: "carrier-b"}, Counted}}, true},
		{"the name wins", []step{{Outcome{Code: 404, Upstream: upstream, Carrier: "carrier-x"}, Counted}}, false},
		{"an unknown address", []step{{Outcome{Code: 404, Upstream: netip.MustParseAddr("203.0.113.1")}, Counted}}, false},
		{"told twice", []step{{Outcome{Code: 404, Upstream: upstream, Ended: true}, Counted}, {Outcome{Code: 404, Upstream: upstream, Ended: true}, Duplicate}}, true},
		{"answered, hung up", []step{{Outcome{Code: 200, Upstream: upstream}, Counted}, {Outcome{Code: 200, Upstream: upstream, Ended: true, Talk: time.Minute}, Counted}, {Outcome{Code: 200, Ended: true}, Duplicate}, {Outcome{Code: 200}, Duplicate}}, false},
		{"hung up at once", []step{{Outcome{Code: 200, Ended: true}, Counted}, {Outcome{Code: 200}, Duplicate}}, false},
		{"a failure after an answer teaches nothing", []step{{Outcome{Code: 200, Upstream: upstream}, Counted}, {Outcome{Code: 404, Upstream: upstream, Ended: true}, Counted}}, false},
		{"made-up statuses", []step{{Outcome{Code: 0, Upstream: upstream}, Ignored}, {Outcome{Code: 180}, Ignored}, {Outcome{Code: 199}, Ignored}, {Outcome{Code: 700}, Ignored}, {Outcome{Code: -404}, Ignored}, {Outcome{Code: 699, Upstream: upstream}, Counted}}, false},
		{"an unknown call", []step{{Outcome{ID: callID(7), Code: 404, Upstream: upstream}, Unknown}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := idle(t, carriers, Options{Pending: 100}, dead)
			id := e.pending.added(1, pendingCall{At: noon.UnixNano(), Callee: global(t, gone), Plain: true})
			for i, s := range tt.steps {
				if s.o.ID == (ID{}) {
					s.o.ID = id
				}
				s.o.At = noon
				if got := e.Observe(&s.o); got != s.want {
					t.Errorf("step %d: %v, want %v", i+1, got, s.want)
				}
			}
			if got := e.learned.Named("dead").has(everybody(global(t, gone)), noon); got != tt.known {
				t.Errorf("learned: %v, want %v", got, tt.known)
			}
		})
	}
}

// A call whose switch was never told the decision is found by its attempt, as
// long as it is not known to be over.
func TestObserveByAttempt(t *testing.T) {
	for _, tt := range []struct {
		name  string
		asked Call
		told  Outcome
		want  Observed
	}{
		{"the same", Call{CallID: "a", FromTag: "f", CSeq: 2}, Outcome{CallID: "a", FromTag: "f", CSeq: 2}, Counted},
		{"asked without a CSeq", Call{CallID: "a", FromTag: "f"}, Outcome{CallID: "a", FromTag: "f", CSeq: 2}, Counted},
		{"another CSeq", Call{CallID: "a", FromTag: "f", CSeq: 1}, Outcome{CallID: "a", FromTag: "f", CSeq: 2}, Unknown},
		{"another From tag", Call{CallID: "a", FromTag: "f"}, Outcome{CallID: "a", FromTag: "g"}, Unknown},
		{"another Call-ID", Call{CallID: "a", FromTag: "f"}, Outcome{CallID: "b", FromTag: "f"}, Unknown},
		{"no Call-ID", Call{FromTag: "f"}, Outcome{FromTag: "f"}, Unknown},
	} {
		e := idle(t, nil, Options{Pending: 100})
		var v Verdict
		tt.asked.At = noon
		e.Decide(&tt.asked, &v)
		tt.told.At, tt.told.Code, tt.told.Ended = noon, 487, true
		for again, want := range []Observed{tt.want, Unknown} {
			o := tt.told
			if got := e.Observe(&o); got != want {
				t.Errorf("%s: %v, want %v (%d)", tt.name, got, want, again)
			}
		}
		if open := e.pending.Stats().Open; (open == 0) != (tt.want == Counted) {
			t.Errorf("%s: %d calls go on", tt.name, open)
		}
	}
}

func TestIsPlain(t *testing.T) {
	n := global(t, "+12025552001")
	for uri, want := range map[string]bool{
		"sip:+12025552001@carrier.example.net":              true,
		"sip:12025552001@192.0.2.7:5080":                    true,
		"SIPS:+12025552001@[2001:db8::1]:5061;USER=phone":   true,
		"tel:+12025552001":                                  true,
		"+12025552001":                                      true,
		"sip:2025552001@carrier.example.net":                false,
		"sip:01112025552001@carrier.example.net":            false,
		"sip:++12025552001@carrier.example.net":             false,
		"sip:+120255520012@carrier.example.net":             false,
		"sip:+1202555200@carrier.example.net":               false,
		"sip:+1-202-555-2001@carrier.example.net":           false,
		"sip:%2B12025552001@carrier.example.net":            false,
		"sip:+1202555200%31@carrier.example.net":            false,
		"sip:+12025552001%3B9@carrier.example.net":          false,
		"sip:+12025552001;rn=+12025550000;npdi@carrier.net": false,
		"sip:+12025552001;phone-context=+1@carrier.net":     false,
		"sip:+12025552001:password@carrier.example.net":     false,
		"sip:+12025552001@carrier.net;npdi":                 false,
		"sip:+12025552001@carrier.net;user=phone;maddr=x":   false,
		"sip:+12025552001@carrier.net;maddr=x;user=phone":   false,
		"sip:+12025552001@carrier.net?Route=x":              false,
		"sip:+12025552001@a@carrier.net":                    false,
		"sip:+12025552001":                                  false,
		"tel:+12025552001;npdi":                             false,
		"tel:+12025552001@carrier.example.net":              false,
		"+12025552001@carrier.example.net":                  false,
		"urn:12025552001":                                   false,
		"sip:+12025552001 @carrier.example.net":             false,
		"sip: +12025552001@carrier.example.net":             false,
		"":                                                  false,
		":":                                                 false,
	} {
		if got := isPlain(uri, n); got != want {
			t.Errorf("%s: %v, want %v", uri, got, want)
		}
	}
	pbx := plan(t, "US", "2XXX")
	for _, user := range []string{"2001", "911", "alice", ""} {
		if isPlain("sip:"+user+"@example.net", pbx.Number(user)) {
			t.Errorf("%q is plain", user)
		}
	}
}

// idle is an engine with these carriers and no rule.
func idle(t *testing.T, carriers *trunks, o Options, learns ...LearnSpec) *Engine {
	if carriers == nil {
		carriers = &trunks{}
	}
	return running(t, o, &Ruleset{trunks: carriers, index: &index{}, emergency: &EmergencyTable{}, learns: learns})
}

// What no clock should have measured is set right, and a call that is over is
// told of once.
func TestObserveSetsTimesRight(t *testing.T) {
	none, err := newTrunks(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var ended []Ended
	e := idle(t, none, Options{OnEnded: func(c *Ended) { ended = append(ended, *c) }})
	id := e.pending.added(1, pendingCall{At: noon.UnixNano(), Caller: Number{12025550142}, Trunk: e.names.number("pbx")})
	for _, o := range []Outcome{
		{ID: id, Code: 200, At: noon.Add(time.Second)},
		{ID: id, Code: 200, At: noon.Add(-time.Hour), Ring: -time.Second, Talk: 1 << 62, Ended: true, Carrier: "carrier-a"},
		{ID: id, Code: 200, At: noon.Add(time.Hour), Ended: true},
	} {
		e.Observe(&o)
	}
	want := []Ended{{At: noon, Began: noon.Local(), ID: id, Caller: Number{12025550142}, Trunk: "pbx", Carrier: "carrier-a", Code: 200, Talk: longestCall}}
	if diff := cmp.Diff(want, ended, cmp.AllowUnexported(Number{}), cmpopts.EquateApproxTime(0)); diff != "" {
		t.Error(diff)
	}
}

// An outcome from the future is one of the last moment at which its call can be
// over, for all that learns of it.
func TestObserveFromTheFuture(t *testing.T) {
	none, err := newTrunks([]Trunk{{Name: "carrier-a"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var learned []LearnedEntry
	e := idle(t, none, Options{OnLearned: func(l LearnedEntry) { learned = append(learned, l) }},
		LearnSpec{Name: "gone", From: "callee", On: []int{404}, Upstream: []string{"carrier-a"}, After: 1, For: time.Hour})
	id := e.pending.added(1, pendingCall{At: noon.UnixNano(), Caller: Number{12025550142}, Callee: Number{12025550143}, Plain: true})
	o := Outcome{ID: id, Code: 404, At: noon.AddDate(10, 0, 0), Carrier: "carrier-a", Ended: true}
	if got := e.Observe(&o); got != Counted || !o.At.Equal(noon.Add(longestCall)) || len(learned) != 1 || !learned[0].Until.Equal(o.At.Add(time.Hour)) {
		t.Errorf("%v at %s, learned %v", got, o.At, learned)
	}
}

func TestObservedWords(t *testing.T) {
	for o, want := range map[Observed]string{Counted: "counted", Unknown: "unknown", Duplicate: "duplicate", Ignored: "ignored"} {
		if o.String() != want {
			t.Errorf("%d is %q, want %q", o, o, want)
		}
	}
}

// remember adds a call and reports its end.
func remember(p *Pending, i int) {
	var id ID
	writeDigits(id[:placeAt], uint64(i))
	p.Add(&id, &pendingCall{Callee: Number{12025551234}, Origin: 7})
	o := Outcome{ID: id, Code: 404}
	p.observe(&o)
}
