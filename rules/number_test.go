package rules

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseNumber(t *testing.T) {
	tests := []struct {
		in, want, fault string
	}{
		{in: "+12025550142", want: "+12025550142"},
		{in: "+1 (202) 555-0142", want: "+12025550142"},
		{in: "+1.202.555.0142", want: "+12025550142"},
		{in: " +44 20 7946 0000 ", want: "+442079460000"},
		{in: "+12025550142;phone-context=example.net", fault: "is no telephone number"},
		{in: "+999999999999999", want: "+999999999999999"},
		{in: "12025550142", fault: "has no country"},
		{in: "alice", fault: "is no telephone number"},
		{in: "", fault: "is no telephone number"},
		{in: "+", fault: "is no telephone number"},
		{in: "+1+2", fault: "is no telephone number"},
		{in: "1+202", fault: "is no telephone number"},
		{in: "+0441234567", fault: "no country code begins with 0"},
		{in: "+1", fault: "at least 2"},
		{in: "+1202555014212345", fault: "16 digits, at most 15"},
		{in: "+1202555\u0661", fault: "is no telephone number"},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			got, err := ParseNumber(tt.in)
			if tt.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fault) {
					t.Fatalf("ParseNumber(%q) = %v, %v, want an error that says %q", tt.in, got, err, tt.fault)
				}
				return
			}
			if err != nil || got.String() != tt.want || got.Kind() != Global {
				t.Errorf("ParseNumber(%q) = %v, %v, want %s", tt.in, got, err, tt.want)
			}
		})
	}
}

func TestNumberKeepsLeadingZeros(t *testing.T) {
	var p *Plan
	seven, bond := p.Number("7"), p.Number("007")
	if seven == bond || seven.String() != "7" || bond.String() != "007" {
		t.Errorf("got %v and %v, want 7 and 007", seven, bond)
	}
	x, err := NewPlan("", []string{"XXX"})
	if err != nil {
		t.Fatal(err)
	}
	if private := x.Number("007"); private == bond || private.Kind() != Private || private.String() != "007" {
		t.Errorf("got %v of kind %d, want a private 007 that differs from the malformed one", private, private.Kind())
	}
}

func TestNumberLongerThanItsKey(t *testing.T) {
	var p *Plan
	n := p.Number(strings.Repeat("12345", 20))
	if n.Kind() != Malformed || n.String() != "12345123451234512" {
		t.Errorf("got %q of kind %d, want the first 17 digits, malformed", n, n.Kind())
	}
	if other := p.Number(strings.Repeat("12345", 4)); n == other {
		t.Error("100 and 20 digits are the same number")
	}
}

func TestNumberJSON(t *testing.T) {
	type record struct {
		Number Number `json:"number"`
	}
	for _, text := range []string{`{"number":"+12025550142"}`, `{"number":""}`} {
		var r record
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		if got, err := json.Marshal(r); err != nil || string(got) != text {
			t.Errorf("%s became %s, %v", text, got, err)
		}
	}
	var r record
	if err := json.Unmarshal([]byte(`{"number":"alice"}`), &r); err == nil {
		t.Error("alice was read as a number")
	}
}

// Whatever the digits, a raw number has its kind and writes its digits.
func TestRawNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[0-9]{1,17}`).Draw(t, "digits")
		d, ok := scan(s)
		if !ok {
			t.Fatalf("scan(%q) failed", s)
		}
		if n := d.raw(0); n.Kind() != Malformed || n.String() != s {
			t.Fatalf("raw %q is %q of kind %d", s, n, n.Kind())
		}
		if n := d.raw(privateBit); n.Kind() != Private || n.String() != s {
			t.Fatalf("private %q is %q of kind %d", s, n, n.Kind())
		}
	})
}

// What is read eight digits at once is what one at a time makes of it.
func TestReadPlain(t *testing.T) {
	signs := []rune("0123456789012345678901234567890+-/:() aX\x00\xff")
	rapid.Check(t, func(t *rapid.T) {
		text := "+" + rapid.StringOfN(rapid.RuneFrom([]rune("0123456789")), 0, 18, -1).Draw(t, "digits")
		if rapid.IntRange(0, 3).Draw(t, "change") == 0 {
			at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
			text = text[:at] + string(rapid.SampledFrom(signs).Draw(t, "sign")) + text[at+1:]
		}
		want := read[string](nil, text)
		if got, ok := readPlain(text); ok && got != want {
			t.Fatalf("%q is %v, want %v", text, got, want)
		} else if n := len(text) - 1; !ok && want.Kind() == Global && n >= 9 && want.String() == text {
			t.Fatalf("%q is not read at once", text)
		}
	})
}
