package sidecar

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ringfence/rules"
)

// A line of the journal is, byte for byte, what encoding/json makes of it.
func TestEntryAgainstTheLibrary(t *testing.T) {
	text := rapid.OneOf(
		rapid.String(), rapid.Just(""), rapid.StringMatching(`[ -~]{0,40}`),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	number := rapid.OneOf(rapid.Just(0), rapid.Int())
	at := rapid.OneOf(rapid.Just(time.Time{}), rapid.Map(rapid.Int64Range(0, 250_000_000_000), func(s int64) time.Time { return time.Unix(s, 0).UTC() }))
	row := rapid.Custom(func(t *rapid.T) *EntryRow {
		return &EntryRow{List: text.Draw(t, "list"), File: text.Draw(t, "file"), Line: number.Draw(t, "line"),
			Pattern: text.Draw(t, "pattern"), Source: text.Draw(t, "source"), Note: text.Draw(t, "note"),
			Subscriber: text.Draw(t, "subscriber"), Added: at.Draw(t, "added"), Expires: at.Draw(t, "expires"),
			Live: rapid.Bool().Draw(t, "live"), By: text.Draw(t, "by")}
	})
	points := rapid.Custom(func(t *rapid.T) rules.Points {
		return rules.Points{Rule: text.Draw(t, "rule"), Points: number.Draw(t, "points"), Reason: text.Draw(t, "reason")}
	})
	measured := rapid.Custom(func(t *rapid.T) rules.Measured {
		return rules.Measured{Signal: text.Draw(t, "signal"), Value: rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0.0001, 1e12)).Draw(t, "value")}
	})
	rapid.Check(t, func(t *rapid.T) {
		e := Entry{
			Time: time.Unix(rapid.Int64Range(0, 250_000_000_000).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC(),
			ID:   text.Draw(t, "id"), Mode: text.Draw(t, "mode"), Action: text.Draw(t, "action"), Rule: text.Draw(t, "rule"),
			Why: text.Draw(t, "why"), Code: number.Draw(t, "code"), Phrase: text.Draw(t, "phrase"), Reason: text.Draw(t, "reason"),
			Target: text.Draw(t, "target"), Caller: text.Draw(t, "caller"), Callee: text.Draw(t, "callee"), Trunk: text.Draw(t, "trunk"),
			Source: text.Draw(t, "from"), CallID: text.Draw(t, "call"), Monitored: rapid.SliceOfN(text, 0, 3).Draw(t, "monitored"), Known: rapid.Bool().Draw(t, "known"),
			Account: text.Draw(t, "account"), Measured: rapid.SliceOfN(measured, 0, 3).Draw(t, "measured"), Score: number.Draw(t, "score"), Scores: rapid.SliceOfN(points, 0, 3).Draw(t, "scores"),
		}
		if rapid.Bool().Draw(t, "listed") {
			e.Row = row.Draw(t, "row")
		}
		var want bytes.Buffer
		library := json.NewEncoder(&want)
		library.SetEscapeHTML(false)
		if err := library.Encode(&e); err != nil {
			t.Fatal(err)
		}
		if got := e.append([]byte("x")); string(got) != "x"+want.String() {
			t.Fatalf("got  %s\nwant %s", got, want.Bytes())
		}
	})
}

// Entry and EntryRow have no field that the line leaves out when it is set.
func TestEntryIsWhole(t *testing.T) {
	e := Entry{Row: &EntryRow{}}
	for _, v := range []reflect.Value{reflect.ValueOf(&e).Elem(), reflect.ValueOf(e.Row).Elem()} {
		for i := range v.NumField() {
			switch f := v.Field(i); f.Interface().(type) {
			case string:
				f.SetString("x")
			case int:
				f.SetInt(1)
			case bool:
				f.SetBool(true)
			case time.Time:
				f.Set(reflect.ValueOf(time.Unix(1, 0).UTC()))
			case []string:
				f.Set(reflect.ValueOf([]string{"x"}))
			case []rules.Points:
				f.Set(reflect.ValueOf([]rules.Points{{Rule: "x", Points: -1, Reason: "x"}}))
			case []rules.Measured:
				f.Set(reflect.ValueOf([]rules.Measured{{Signal: "x", Value: 0.5}}))
			case *EntryRow:
			default:
				t.Errorf("%s is of a type that this test does not set", v.Type().Field(i).Name)
			}
		}
	}
	want, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if got := e.append(nil); string(got) != string(want)+"\n" {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
