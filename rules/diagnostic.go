package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Position is a place in a file. Line and Column count from 1, in characters;
// a zero Line means the file as a whole.
type Position struct {
	File   string
	Line   int
	Column int
}

// Diagnostic is one finding about a setting, a rule file or a list: an error
// that keeps it from loading, or a warning. It names the thing (Subject), the
// cause (Message) and, where there is one, the cure (Hint).
type Diagnostic struct {
	File    string
	Line    int // from 1; 0: the file as a whole
	Column  int // from 1; 0: the line as a whole
	Subject string
	Message string
	Hint    string
}

// Error is "file:line:column: subject: message (hint)" without the parts that
// are not known.
func (d Diagnostic) Error() string {
	var b strings.Builder
	if d.File != "" {
		b.WriteString(d.File)
		for _, n := range [...]int{d.Line, d.Column} {
			if n == 0 {
				break
			}
			b.WriteByte(':')
			b.WriteString(strconv.Itoa(n))
		}
		b.WriteString(": ")
	}
	if d.Subject != "" {
		b.WriteString(d.Subject)
		b.WriteString(": ")
	}
	b.WriteString(d.Message)
	if d.Hint != "" {
		b.WriteString(" (")
		b.WriteString(d.Hint)
		b.WriteByte(')')
	}
	return b.String()
}

// Diagnostics are all findings of one load. As an error it prints them all,
// one a line.
type Diagnostics []Diagnostic

func (d Diagnostics) Error() string {
	lines := make([]string, len(d))
	for i := range d {
		lines[i] = d[i].Error()
	}
	return strings.Join(lines, "\n")
}

// at adds a finding at p.
func (d *Diagnostics) at(p Position, subject, message, hint string) {
	*d = append(*d, Diagnostic{File: p.File, Line: p.Line, Column: p.Column, Subject: subject, Message: message, Hint: hint})
}

// inOrder sorts the findings: first those of no file, then those of each file
// by place in the order of files, then those of other files.
func (d Diagnostics) inOrder(files []string) {
	rank := make(map[string]int, len(files)+1)
	rank[""] = -len(files)
	for i, f := range files {
		rank[f] = i - len(files)
	}
	slices.SortStableFunc(d, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(rank[a.File], rank[b.File]), cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// didYouMean is the hint for a word that is not among the known ones: the
// nearest of them that has some of it, or all when they are few, or nothing.
func didYouMean(word string, known []string) string {
	best, distance := "", min(max(2, len(word)/3)+1, max(len(word), 1))
	for _, k := range known {
		if word == "" {
			break // nothing is like it
		}
		if n := editDistance(strings.ToLower(word), strings.ToLower(k)); n < distance {
			best, distance = k, n
		}
	}
	switch {
	case best != "":
		return "did you mean " + best + "?"
	case len(known) == 0:
		return ""
	case len(known) <= 16:
		return "known: " + strings.Join(known, ", ")
	}
	return ""
}

// UnknownRule finds an id that none of the rules has, and says so with the one
// that may be meant; nil when one has it.
func UnknownRule(id string, all []*Rule, message string) error {
	ids := make([]string, len(all))
	for i, r := range all {
		if r.ID == id {
			return nil
		}
		ids[i] = r.ID
	}
	return Diagnostics{{Subject: fmt.Sprintf("rule %q", id), Message: message, Hint: didYouMean(id, ids)}}
}

// editDistance counts the insertions, deletions, substitutions and swaps of
// neighbours that make b of a.
func editDistance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// Suggest is the hint for a word of a file that is not among the known ones.
func Suggest(word string, known []string) string { return didYouMean(word, known) }
