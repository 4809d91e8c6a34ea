package health

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"ringfence/rules"
)

var (
	start    = time.Date(2026, 6, 3, 10, 0, 0, 0, time.UTC)
	standard = Config{Window: 5 * time.Minute, Min: 50, AnswerRateDrop: 0.5, BlockShare: 0.05, Short: 6 * time.Second, ShortShare: 0.6}
)

// carrier is one upstream and its calls, on a clock that is stepped.
type carrier struct {
	*Tracker
	at     time.Time
	events []string
	begun  []Event
}

func newCarrier(c Config) *carrier { return &carrier{Tracker: New(c, start), at: start} }

// period is a number of windows with so many calls each.
type period struct {
	windows                         int
	calls, answered, short, blocked int
	account                         string
}

func (c *carrier) tell(events []Event) {
	for _, e := range events {
		state := "end"
		if e.Begin {
			state = "begin"
			c.begun = append(c.begun, e)
		}
		c.events = append(c.events, fmt.Sprintf("%s %s %s", state, e.Kind, e.Subject))
	}
}

func (c *carrier) call(e rules.Ended) { c.tell(c.Ended(&e, c.at)) }

// run makes the calls of a period, spread over the steps of its windows.
func (c *carrier) run(p period) {
	for range p.windows {
		for i := range p.calls {
			e := rules.Ended{Carrier: "carrier-a", Account: p.account, Code: 480}
			switch {
			case i < p.answered:
				e.Code, e.Talk = 200, time.Minute
				if i < p.short {
					e.Talk = 2 * time.Second
				}
			case i < p.answered+p.blocked:
				e.Code = 607
			}
			at := c.at
			c.at = c.at.Add(time.Duration(i*7%p.calls) * standard.Window / time.Duration(p.calls))
			c.call(e)
			c.at = at
		}
		c.at = c.at.Add(standard.Window)
		c.tell(c.Advance(c.at))
	}
}

func TestAlarms(t *testing.T) {
	const begins, ends = "begin %s upstream carrier-a", "end %s upstream carrier-a"
	begin := func(k Kind) string { return fmt.Sprintf(begins, k) }
	end := func(k Kind) string { return fmt.Sprintf(ends, k) }
	usually := period{windows: 12, calls: 100, answered: 50}
	var decline []period
	for answered := 60; answered >= 10; answered-- { // within two weeks
		decline = append(decline, period{windows: 80, calls: 100, answered: answered})
	}
	for _, c := range []struct {
		name    string
		periods []period
		want    []string
	}{
		{"as usual", []period{{windows: 30, calls: 100, answered: 50}}, nil},
		{"the answer rate falls", []period{usually, {windows: 1, calls: 100, answered: 10}}, []string{begin(AnswerRate)}},
		{"it falls by less than half", []period{usually, {windows: 5, calls: 100, answered: 26}}, nil},
		{"it falls before enough was learned", []period{{windows: 11, calls: 100, answered: 50}, {windows: 1, calls: 100, answered: 10}}, nil},
		{"too few calls to judge", []period{usually, {windows: 5, calls: 49}}, nil},
		{"too few calls to learn", []period{{windows: 100, calls: 49, answered: 25}, {windows: 1, calls: 100}}, nil},
		{"a small fall from a low rate is chance", []period{{windows: 12, calls: 50, answered: 5}, {windows: 20, calls: 50, answered: 1}}, nil},
		{"with many calls it is not", []period{{windows: 12, calls: 1000, answered: 100}, {windows: 1, calls: 1000, answered: 20}}, []string{begin(AnswerRate)}},
		{"a little better is not well", []period{usually, {windows: 3, calls: 100, answered: 10}, {windows: 5, calls: 100, answered: 30}}, []string{begin(AnswerRate)}},
		{"it recovers", []period{usually, {windows: 3, calls: 100, answered: 10}, {windows: 2, calls: 100, answered: 45}}, []string{begin(AnswerRate), end(AnswerRate)}},
		{"an alarm is not learned", []period{usually, {windows: 100, calls: 100, answered: 10}, {windows: 2, calls: 100, answered: 50}, {windows: 1, calls: 100, answered: 10}},
			[]string{begin(AnswerRate), end(AnswerRate), begin(AnswerRate)}},
		{"after a day it is usual", []period{usually, {windows: 310, calls: 100, answered: 10}}, []string{begin(AnswerRate), end(AnswerRate)}},
		{"a slow decline is learned", decline, nil},
		{"it takes no more calls", []period{usually, {windows: 2, calls: 100, answered: 10}, {windows: 11}}, []string{begin(AnswerRate)}},
		{"for an hour", []period{usually, {windows: 2, calls: 100, answered: 10}, {windows: 14}}, []string{begin(AnswerRate), end(AnswerRate)}},
		{"codes that block", []period{{windows: 1, calls: 100, answered: 50, blocked: 5}}, []string{begin(BlockShare)}},
		{"fewer of them", []period{{windows: 3, calls: 100, answered: 50, blocked: 4}}, nil},
		{"a large share of few calls", []period{{windows: 3, calls: 50, answered: 25, blocked: 4}}, nil},
		{"they become fewer", []period{{windows: 2, calls: 100, answered: 50, blocked: 10}, {windows: 2, calls: 100, answered: 50, blocked: 4}, {windows: 2, calls: 100, answered: 50, blocked: 3}},
			[]string{begin(BlockShare), end(BlockShare)}},
		{"between the two it goes on", []period{{windows: 2, calls: 100, answered: 50, blocked: 10}, {windows: 9, calls: 100, answered: 50, blocked: 4}}, []string{begin(BlockShare)}},
		{"short calls", []period{{windows: 1, calls: 100, answered: 50, short: 35}}, []string{begin(ShortShare)}},
		{"too few answered", []period{{windows: 3, calls: 100, answered: 24, short: 24}}, nil},
		{"many short calls are usual", []period{{windows: 12, calls: 100, answered: 50, short: 25}, {windows: 5, calls: 100, answered: 50, short: 35}}, nil},
		{"more than usual", []period{{windows: 12, calls: 100, answered: 50, short: 25}, {windows: 1, calls: 100, answered: 50, short: 45}}, []string{begin(ShortShare)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newCarrier(standard)
			for _, p := range c.periods {
				k.run(p)
			}
			if diff := cmp.Diff(c.want, k.events); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

// A fall is told at the end of the fifth of a window that shows it.
func TestAlarmComesWithinAWindow(t *testing.T) {
	c := newCarrier(standard)
	c.run(period{windows: 12, calls: 100, answered: 50})
	fell := c.at
	for len(c.events) == 0 && c.at.Sub(fell) < time.Hour {
		for range 20 {
			c.call(rules.Ended{Carrier: "carrier-a", Code: 503})
		}
		c.at = c.at.Add(time.Minute)
		c.tell(c.Advance(c.at))
	}
	if took := c.at.Sub(fell); took > 4*time.Minute {
		t.Errorf("the alarm came after %s, want 4m at most", took)
	}
}

func TestBlocked(t *testing.T) {
	for _, c := range []struct {
		code           int
		phrase, reason string
		want           bool
	}{
		{607, "Unwanted", "", true},
		{608, "Rejected", "", true},
		{603, "Network Blocked", "", true},
		{603, " network blocked", "", true},
		{603, "Decline", `SIP;cause=603;text="v=analytics1;url=https://example.net";location=LN`, true},
		{603, "Decline", `Q.850;cause=21`, false},
		{603, "Decline", "", false},
		{486, "Network Blocked", "", false},
		{200, "OK", "", false},
	} {
		e := rules.Ended{Code: c.code}
		if b, ok := rules.ParseUpstreamBlock(c.code, c.phrase, c.reason, ""); ok {
			e.Blocked = &b
		}
		if got := blocked(&e); got != c.want {
			t.Errorf("%d %s, Reason %q: %v, want %v", c.code, c.phrase, c.reason, got, c.want)
		}
	}
}

// One call counts for the trunk that answered, the one it came in by and the
// account; without a name it counts for nobody.
func TestEndedCountsForAllWhoHaveAPart(t *testing.T) {
	c := newCarrier(standard)
	c.call(rules.Ended{Carrier: "carrier-a", Trunk: "pbx", Account: "alice", Code: 200, Talk: 5 * time.Second})
	c.call(rules.Ended{Carrier: "carrier-a", Trunk: "pbx", Code: 608, Blocked: &rules.UpstreamBlock{Code: 608}})
	c.call(rules.Ended{Code: 200})
	c.at = c.at.Add(time.Minute)
	c.tell(c.Advance(c.at))
	got := map[string]Counts{}
	c.each(func(s *subject) { got[s.String()] = s.sum })
	want := map[string]Counts{
		"upstream carrier-a": {Calls: 2, Answered: 1, Short: 1, Blocked: 1},
		"trunk pbx":          {Calls: 2, Answered: 1, Short: 1, Blocked: 1},
		"account alice":      {Calls: 1, Answered: 1, Short: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
}

// What is usual and what is on is back after a restart; what is short counts
// only as what it was.
// What a switch reports of a carrier is part of a larger text, which must not stay
// as long as the carrier is known.
func TestNameIsNoPartOfALargerText(t *testing.T) {
	c := newCarrier(standard)
	text := "carrier-a and all that came with it"
	c.call(rules.Ended{Carrier: text[:9], Code: 200})
	c.each(func(s *subject) {
		if s.Name != "carrier-a" || unsafe.StringData(s.Name) == unsafe.StringData(text) {
			t.Errorf("%s holds the text that it came in", s)
		}
	})
}

func TestRestore(t *testing.T) {
	c := newCarrier(standard)
	c.run(period{windows: 12, calls: 100, answered: 50, short: 10})
	c.run(period{windows: 1, calls: 100, answered: 10})
	saved := c.Save()

	again := newCarrier(standard)
	again.at = c.at.Add(time.Minute)
	again.Tracker = New(standard, again.at)
	if err := again.Restore(saved, again.at); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(saved, again.Save()); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	again.run(period{windows: 2, calls: 100, answered: 10}) // it is on already
	again.run(period{windows: 2, calls: 100, answered: 50})
	again.run(period{windows: 1, calls: 100, answered: 10})
	want := []string{"end answer-rate upstream carrier-a", "begin answer-rate upstream carrier-a"}
	if diff := cmp.Diff(want, again.events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}

	other := standard
	other.Short = 10 * time.Second
	third := New(other, c.at)
	if err := third.Restore(saved, c.at); err != nil {
		t.Fatal(err)
	}
	if s := third.Save().Subjects[0]; s.Shorts.Windows != 0 || s.Answer.Windows != 12 {
		t.Errorf("with another short: %d windows of short calls and %d of answers, want 0 and 12", s.Shorts.Windows, s.Answer.Windows)
	}
}

func TestRestoreRefusesNonsense(t *testing.T) {
	good := SavedSubject{Role: "upstream", Name: "carrier-a", Last: start, Answer: usual{0.5, 12}}
	for name, spoil := range map[string]func(*SavedSubject){
		"role":        func(s *SavedSubject) { s.Role = "downstream" },
		"name":        func(s *SavedSubject) { s.Name = "" },
		"share":       func(s *SavedSubject) { s.Answer.Value = 1.5 },
		"windows":     func(s *SavedSubject) { s.Shorts.Windows = memory + 1 },
		"kind":        func(s *SavedSubject) { s.Alarms = map[string]time.Time{"answer": start} },
		"no time":     func(s *SavedSubject) { s.Alarms = map[string]time.Time{"answer-rate": {}} },
		"(all right)": func(*SavedSubject) {},
	} {
		bad := good
		spoil(&bad)
		k := New(standard, start)
		err := k.Restore(Saved{Short: standard.Short, Subjects: []SavedSubject{good, bad}}, start)
		if wrong := name != "(all right)"; (err != nil) != wrong || wrong && k.Stats().Subjects != 0 {
			t.Errorf("%s: error %v, %d subjects", name, err, k.Stats().Subjects)
		}
	}
}

// Nothing kept lies in the future, and a clock that is set back stops nothing.
func TestClockGoesBack(t *testing.T) {
	c := newCarrier(standard)
	c.run(period{windows: 13, calls: 100, answered: 50})
	c.at = c.at.Add(-24 * time.Hour)
	c.run(period{windows: 3, calls: 100, answered: 10})
	if want := []string{"begin answer-rate upstream carrier-a"}; !slices.Equal(c.events, want) {
		t.Errorf("events %q, want %q", c.events, want)
	}
	c = newCarrier(standard)
	if err := c.Restore(Saved{Subjects: []SavedSubject{{Role: "trunk", Name: "pbx", Last: start.Add(time.Hour), Alarms: map[string]time.Time{"answer-rate": start.Add(time.Hour)}}}}, start); err != nil {
		t.Fatal(err)
	}
	if s := c.Save().Subjects[0]; s.Last != start || s.Alarms["answer-rate"] != start {
		t.Errorf("restored from the future: %+v", s)
	}
}

// A step takes no longer after a pause of a year.
func TestAdvanceAfterALongPause(t *testing.T) {
	c := newCarrier(standard)
	c.run(period{windows: 1, calls: 100, answered: 50})
	c.at = c.at.Add(25 * 24 * time.Hour)
	c.tell(c.Advance(c.at))
	if c.closed > 3*steps {
		t.Errorf("%d steps were closed", c.closed)
	}
	views := c.Views()
	if len(views) != 1 || views[0].Calls != 0 {
		t.Errorf("after the pause: %+v", views)
	}
	c.at = c.at.Add(forgetAfter)
	c.tell(c.Advance(c.at))
	if n := c.Stats().Subjects; n != 0 {
		t.Errorf("%d subjects a month later, want none", n)
	}
}

func TestSet(t *testing.T) {
	c := newCarrier(standard)
	c.run(period{windows: 12, calls: 100, answered: 50, short: 10})
	c.run(period{windows: 1, calls: 100, answered: 10})
	other := standard
	other.Window, other.Short = 10*time.Minute, 3*time.Second
	c.Set(other, c.at)
	v := c.Views()[0]
	if v.Calls != 0 || v.UsualAnswer == nil || v.UsualShort != nil || len(v.Alarms) != 1 {
		t.Errorf("after another window and another short: %+v", v)
	}
	c.tell(c.Quiet(c.at))
	if want := []string{"begin answer-rate upstream carrier-a", "end answer-rate upstream carrier-a"}; !slices.Equal(c.events, want) {
		t.Errorf("events %q, want %q", c.events, want)
	}
}

// Accounts beyond the bound take the place of the one that was idle longest,
// but for one whose alarm is on; trunks are untouched.
func TestEviction(t *testing.T) {
	c := newCarrier(standard)
	for range 60 {
		c.call(rules.Ended{Account: "loud", Trunk: "pbx", Code: 607})
	}
	c.at = c.at.Add(standard.Window)
	c.tell(c.Advance(c.at))
	c.call(rules.Ended{Account: "idle", Code: 200})
	for i := range maxAccounts {
		c.call(rules.Ended{Account: fmt.Sprint("a", i), Code: 200})
	}
	accounts := c.roles[Account]
	if accounts.named["loud"] == nil || accounts.named["idle"] != nil || c.roles[Trunk].named["pbx"] == nil {
		t.Error("want the idle one gone, and the one with an alarm there")
	}
	if s := c.Stats(); s.Subjects != maxAccounts+1 || s.Evicted != 2 {
		t.Errorf("%+v, want %d subjects and 2 evicted", s, maxAccounts+1)
	}
}

func TestSource(t *testing.T) {
	calls := func(c *carrier, n int, account string, e rules.Ended) {
		for range n {
			e.Carrier, e.Account, e.Trunk = "carrier-a", account, "pbx"
			c.call(e)
		}
	}
	answered, unwanted, failed := rules.Ended{Code: 200, Talk: time.Minute}, rules.Ended{Code: 607}, rules.Ended{Code: 503}
	for _, c := range []struct {
		name  string
		calls func(*carrier)
		want  Source
	}{
		{"one account", func(c *carrier) { calls(c, 100, "alice", answered); calls(c, 40, "mallory", unwanted) },
			Source{Subject{Account, "mallory"}, 40, 40, 40, true}},
		{"a call without an account is the trunk's", func(c *carrier) { calls(c, 100, "alice", answered); calls(c, 40, "", unwanted) },
			Source{Subject{Trunk, "pbx"}, 40, 40, 40, true}},
		{"half of them is not enough", func(c *carrier) {
			calls(c, 100, "alice", answered)
			calls(c, 30, "mallory", unwanted)
			calls(c, 30, "trudy", unwanted)
		}, Source{Subject{Account, "mallory"}, 30, 30, 60, false}},
		{"too few", func(c *carrier) { calls(c, 100, "alice", answered); calls(c, 24, "mallory", unwanted) },
			Source{Subject{Account, "mallory"}, 24, 24, 24, false}},
		{"the others have the same trouble", func(c *carrier) {
			calls(c, 40, "mallory", unwanted)
			calls(c, 60, "alice", answered)
			calls(c, 10, "bob", unwanted)
		},
			Source{Subject{Account, "mallory"}, 40, 40, 50, false}},
		{"it is the only one", func(c *carrier) { calls(c, 100, "mallory", unwanted) },
			Source{Subject{Account, "mallory"}, 100, 100, 100, true}},
		{"the only one of a carrier that is down", func(c *carrier) { calls(c, 100, "alice", failed) },
			Source{Subject{Account, "alice"}, 100, 100, 150, false}},
		{"the largest customer of a carrier that is down", func(c *carrier) {
			for range steps {
				calls(c, 60, "alice", failed)
				calls(c, 40, "bob", failed)
				c.at = c.at.Add(standard.Window / steps)
			}
		}, Source{Subject{Account, "alice"}, 60, 60, 150, false}},
		{"a campaign that nobody answers", func(c *carrier) {
			calls(c, 60, "alice", answered)
			calls(c, 30, "alice", failed)
			calls(c, 400, "mallory", failed)
		},
			Source{Subject{Account, "mallory"}, 400, 400, 480, true}},
		{"behind many others", func(c *carrier) {
			for i := range 2000 {
				calls(c, 1, fmt.Sprint("a", i), answered)
				if i%10 == 0 {
					calls(c, 1, "mallory", unwanted)
				}
			}
		}, Source{Subject{Account, "mallory"}, 200, 200, 200, true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newCarrier(standard)
			k.run(period{windows: 12, calls: 100, answered: 50})
			c.calls(k)
			k.at = k.at.Add(standard.Window)
			var got *Source
			k.tell(k.Advance(k.at))
			for _, e := range k.begun {
				if e.Role == Upstream {
					got = e.Source
				}
			}
			if got == nil {
				t.Fatal("no alarm, or no source")
			}
			if diff := cmp.Diff(c.want, *got); diff != "" {
				t.Errorf("source (-want +got):\n%s", diff)
			}
		})
	}
}

func TestText(t *testing.T) {
	c := newCarrier(standard)
	c.run(period{windows: 12, calls: 100, answered: 50})
	var texts []string
	for _, p := range []period{{calls: 100, answered: 10}, {calls: 100, answered: 50}, {calls: 100, answered: 40, blocked: 7, account: "mallory"}, {calls: 100, answered: 50, short: 40}} {
		for i := range p.calls {
			e := rules.Ended{Carrier: "carrier-a", Account: p.account, Code: 480}
			if i < p.answered {
				e.Code, e.Talk = 200, time.Minute
			}
			if i < p.short {
				e.Talk = 0
			}
			if i >= p.calls-p.blocked {
				e.Code, e.Blocked = 608, &rules.UpstreamBlock{Code: 608}
			}
			c.Ended(&e, c.at)
		}
		c.at = c.at.Add(standard.Window)
		for _, e := range c.Advance(c.at) {
			if e.Role != Upstream {
				continue
			}
			texts = append(texts, e.Text())
		}
	}
	want := `upstream carrier-a: 10 of 100 calls answered (10.0%), usually 50.0%
upstream carrier-a: the alarm is over, for it has recovered; 50 of 100 calls answered (50.0%), usually 50.0%
upstream carrier-a: 7 of 100 calls came back as unwanted (7.0%); 7 of the 7 bad ones were those of account mallory
upstream carrier-a: the alarm is over, for it has recovered; 0 of 100 calls came back as unwanted (0.0%)
upstream carrier-a: 40 of 50 answered calls were short (80.0%)`
	if diff := cmp.Diff(want, strings.Join(texts, "\n")); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
}

func BenchmarkEnded(b *testing.B) {
	t := New(standard, start)
	calls := make([]rules.Ended, 4096)
	for i := range calls {
		calls[i] = rules.Ended{Carrier: fmt.Sprint("carrier-", i%8), Trunk: fmt.Sprint("trunk-", i%16), Account: fmt.Sprint("account-", i), Code: 200, Talk: time.Minute}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		t.Ended(&calls[i%len(calls)], start)
	}
}
