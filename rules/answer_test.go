package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var testID = ID([]byte("06c1a2b3d4e5f6g7h8j9"))

// wire is an answer as it goes out.
func wire(a *answer) string {
	s := fmt.Sprintf("SIP/2.0 %d %s\nReason: %s\n", a.code, a.phrase, a.reason(nil, &testID))
	if a.retry != 0 {
		s += fmt.Sprintf("Retry-After: %d\n", a.retry/time.Second)
	}
	return s
}

func TestAnswerTable(t *testing.T) {
	full := Redress{URL: "https://redress.example.net/b", Tel: "+18005550199", Email: "redress@example.net", Location: "RLN"}
	var b strings.Builder
	for _, s := range []struct {
		name string
		Settings
	}{
		{"default", Settings{Redress: full}},
		{"answers 403, url only", Settings{Redress: testRedress, Answers: map[Why]int{DNO: 403, Administrative: 403}}},
	} {
		fmt.Fprintf(&b, "# %s\n", s.name)
		for i := range table {
			a := newAnswer(table[i].why, table[i].failure, 0, &s.Settings)
			fmt.Fprintf(&b, "\n%s %s\n%s", table[i].why, table[i].failure, wire(&a))
			if n := len(a.reason(nil, &testID)); n != a.length() {
				t.Errorf("%s: length %d, is %d", table[i].why, a.length(), n)
			}
		}
		b.WriteByte('\n')
	}
	golden(t, "testdata/answers.golden", b.String())
}

// What the table must never say.
func TestAnswersNever(t *testing.T) {
	s := Settings{Redress: testRedress, Answers: map[Why]int{DNO: 403, Administrative: 603}}
	seen := map[Why]bool{}
	for i := range table {
		r := &table[i]
		seen[r.why] = true
		a := newAnswer(r.why, r.failure, 42*time.Second, &s)
		reason := string(a.reason(nil, &testID))
		if analytics := strings.Contains(reason, "v=analytics1") || a.phrase == "Network Blocked" || strings.HasPrefix(reason, "SIP;"); analytics != (r.why == Analytics) {
			t.Errorf("%s: 603+ in %q", r.why, reason)
		}
		if (a.retry != 0) != retries(r.why) {
			t.Errorf("%s: Retry-After %s", r.why, a.retry)
		}
		if a.retry != 0 && a.retry != 42*time.Second {
			t.Errorf("%s: Retry-After %s is not the rule's", r.why, a.retry)
		}
		if (r.why == DNO || r.why == Administrative || r.why == Subscriber) && (a.code == 404 || a.code == 484 || a.code == 604 || a.code == 608) {
			t.Errorf("%s: %d", r.why, a.code)
		}
		if a.code == 503 && r.why != Overload {
			t.Errorf("%s: 503", r.why)
		}
		if strings.ContainsAny(r.text, "\"\\;\r\n") {
			t.Errorf("%s: text %q", r.why, r.text)
		}
		if r.cause == 0 && r.why != Analytics {
			t.Errorf("%s: no Q.850 cause", r.why)
		}
	}
	for w := Analytics; w <= Overload; w++ {
		if !seen[w] {
			t.Errorf("%s has no answer", w)
		}
	}
}

func TestWhyWords(t *testing.T) {
	for w := Analytics; w <= Overload; w++ {
		if got, ok := ParseWhy(w.String()); !ok || got != w {
			t.Errorf("%s reads as %s", w, got)
		}
	}
	for _, word := range []string{"", "listed", "603", "DNO"} {
		if w, ok := ParseWhy(word); ok {
			t.Errorf("%q reads as %s", word, w)
		}
	}
}
