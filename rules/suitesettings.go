package rules

import (
	"fmt"
	"slices"
)

// settings reads those that a test file brings with it, with the keys of the
// daemon's configuration. What is wrong with their values, Compile finds.
func (r *testReader) settings(n *node) *Settings {
	const subject = "settings"
	s := &Settings{}
	f, ok := r.fields(n, subject, testSettingsKeys)
	if !ok {
		return s
	}
	s.Country = r.text(f["country"], subject)
	if n := f["redress"]; n != nil {
		if f, ok := r.fields(n, subject+".redress", RedressKeys); ok {
			text := func(key string) string { return r.text(f[key], subject+".redress") }
			s.Redress = Redress{URL: text("url"), Tel: text("tel"), Email: text("email"), Location: text("location")}
		}
	}
	if n := f["answers"]; n != nil {
		s.Answers = map[Why]int{}
		if f, ok := r.fields(n, subject+".answers", answerKeys); ok {
			for key, n := range f {
				if why, ok := ParseWhy(key); ok {
					s.Answers[why], _ = r.integer(n, subject+".answers")
				}
			}
		}
	}
	for _, n := range r.several(f["emergency"], subject) {
		if number := r.text(n, subject); number != "" {
			s.Emergency = append(s.Emergency, number)
		}
	}
	for i, n := range r.several(f["trunks"], subject) {
		s.Trunks = append(s.Trunks, r.trunk(n, fmt.Sprintf("%s.trunks[%d]", subject, i)))
	}
	return s
}

func (r *testReader) trunk(n *node, subject string) (t Trunk) {
	f, ok := r.fields(n, subject, TrunkKeys)
	if !ok {
		return t
	}
	if t.Name = r.text(f["name"], subject); f.lacks("name") {
		r.d.at(n.at, subject, "has no name", "write name:")
	}
	for _, n := range r.several(f["networks"], subject) {
		if text := r.text(n, subject); text != "" {
			p, ok := ParseNetwork(text)
			if !ok {
				r.d.at(n.at, subject, fmt.Sprintf("%q is no network", text), "as in 192.0.2.0/24 or 192.0.2.7")
			}
			t.Networks = append(t.Networks, p)
		}
	}
	t.Country, t.Trusted = r.text(f["country"], subject), r.flag(f["trusted"], subject)
	if word := r.choice(f["direction"], subject, directionWords[1:]); word != "" {
		t.Direction = Direction(slices.Index(directionWords[:], word))
	}
	if r.choice(f["mode"], subject, modeNames[:2]) == Monitor.String() {
		t.Mode = Monitor
	}
	for _, n := range r.several(f["extensions"], subject) {
		if pattern := r.text(n, subject); pattern != "" {
			t.Extensions = append(t.Extensions, pattern)
		}
	}
	return t
}
