package rules

import (
	"fmt"
	"math"
	"unicode/utf8"
)

// Coverage is how much the rows of a list hold.
type Coverage struct {
	Numbers   float64 // that are possible by their length: a prefix counts those of 11 digits in the NANP, else of 12
	Addresses float64 // of IPv4, and /48 networks of IPv6
}

// Coverage is how much the rows hold; what two rows hold counts twice.
func (l *List) Coverage() (c Coverage) {
	l.wholes(func(e entry) {
		if e.network.IsValid() {
			c.Addresses += e.covers()
		} else {
			c.Numbers += e.covers()
		}
	})
	c.Numbers += float64(l.Len() - len(l.texts))
	return c
}

// Wide are the rows that hold a whole calling code, more than one, or a network
// as large as few have, in their global form.
func (l *List) Wide() (rows []string) {
	l.wholes(func(e entry) {
		if e.wide() != "" {
			rows = append(rows, e.String())
		}
	})
	return rows
}

// wholes visits the rows that are no plain number.
func (l *List) wholes(visit func(entry)) {
	reader := newListLoader(listSpec{Name: l.Name})
	for _, text := range l.texts {
		if e, message, _ := reader.entry([]byte(text)); message == "" {
			visit(e)
		}
	}
}

// row is entry for what is put on a list: nothing that holds all calls.
func (l *listLoader) row(text []byte) (e entry, message, hint string) {
	if e, message, hint = l.entry(text); message == "" && e.everything() {
		return e, fmt.Sprintf("%q covers every number", text), "write at least the digits of a calling code, or a rule without the list"
	}
	return e, message, hint
}

// everything tells whether e is for all numbers of a length, or for all but
// those of calling codes with 1.
func (e entry) everything() bool {
	if e.number != 0 || e.network.IsValid() {
		return false // a network of no bits is none
	}
	if e.signs == "" {
		return e.covers() >= 8*math.Pow10(len(Number{e.from}.String())-2)
	}
	for _, sign := range []byte(e.signs) {
		if sign <= '9' {
			return false
		}
	}
	return true
}

// covers is how many numbers e is for, or addresses; see Coverage.
func (e entry) covers() float64 {
	switch {
	case e.number != 0:
		return 1
	case e.network.IsValid() && e.network.Addr().Is4():
		return math.Exp2(float64(32 - e.network.Bits()))
	case e.network.IsValid():
		return math.Exp2(float64(max(0, 48-e.network.Bits())))
	case e.signs == "":
		return float64(e.to-e.from) + 1
	}
	n := float64(newShape(e.signs, e.open).count)
	if usual := usualLength(e.signs); e.open && len(e.signs) < usual {
		n *= math.Pow10(usual - len(e.signs))
	}
	return n
}

// usualLength is how many digits a number has that begins so.
func usualLength(signs string) int {
	if signs[0] == '1' {
		return 11
	}
	return 12
}

// Networks of fewer bits are wide: who has a whole /8 is known by name.
const (
	wide4 = 8
	wide6 = 16
)

// wide says how much e is for, when that is a whole calling code or more, or a
// network of few bits; else it is empty.
func (e entry) wide() string {
	switch {
	case e.number != 0:
		return ""
	case e.network.IsValid():
		if bits := e.network.Bits(); e.network.Addr().Is4() && bits < wide4 || e.network.Addr().Is6() && bits < wide6 {
			return "a large part of all addresses"
		}
		return ""
	case e.signs != "":
		code, literals := codeOf(e.signs), 0
		for _, sign := range []byte(e.signs) {
			if sign <= '9' {
				literals++
			}
		}
		if code == "" && literals > 2 || code != "" && literals > len(code) {
			return ""
		}
		return wideness(code)
	}
	from, to := Number{e.from}.String()[1:], Number{e.to}.String()[1:]
	code := codeOf(from)
	digits := len(code)
	if digits == 0 {
		digits = 2
	}
	if e.covers() < math.Pow10(len(from)-digits)/2 {
		return ""
	}
	if codeOf(to) != code {
		code = ""
	}
	return wideness(code)
}

func wideness(code string) string {
	if code == "" {
		return "the numbers of several countries"
	}
	return "all numbers with +" + code
}

// codeOf is the calling code that signs begin with, empty when they are for
// several, or for none.
func codeOf(signs string) string {
	var digits []byte
	for i := 0; i < len(signs) && i < 3 && signs[i] <= '9'; i++ {
		digits = append(digits, signs[i]-'0')
	}
	return signs[:digitsIn(numbering().code(digits))]
}

// warnWide warns of a wide row of the file.
func (l *listLoader) warnWide(line []byte, at int, e entry) {
	if held := e.wide(); held != "" && l.list.Per == "" {
		l.warnings.add(Diagnostic{File: l.list.File, Line: l.line, Column: utf8.RuneCount(line[:at]) + 1, Subject: l.subject, Message: wideMessage(e, held), Hint: wideHint})
	}
}

func wideMessage(e entry, held string) string { return fmt.Sprintf("%q covers %s", e, held) }

const wideHint = "is that meant? write more digits, or longer networks"
