package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// What a finding of CheckLists is.
const (
	ListMalformed = "malformed" // the row, or the file, does not load
	ListDuplicate = "duplicate" // another row of the list is for the same
	ListCovered   = "covered"   // a wider row of the list says the same
	ListOverruled = "overruled" // another list has it, too, and rules make something else of that
	ListExpired   = "expired"   // the row does not match any more
	ListWide      = "wide"      // the row covers a calling code, or a large part of all addresses
)

// ListFinding is one thing that is likely wrong with a list.
type ListFinding struct {
	Kind    string `json:"kind"`
	List    string `json:"list"`
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Diagnostic is the finding in one line.
func (f ListFinding) Diagnostic() Diagnostic {
	return Diagnostic{File: f.File, Line: f.Line, Column: f.Column, Subject: fmt.Sprintf("list %q", f.List), Message: f.Message, Hint: f.Hint}
}

// CheckedList is a list that was checked.
type CheckedList struct {
	Name string         `json:"name"`
	File string         `json:"file"`
	Rows int64          `json:"rows"`
	Has  map[string]int `json:"findings,omitempty"` // how many of each kind, those that are not told, too
}

// ListReport is what CheckLists has found. Of each kind at most 100 findings a
// list are told one by one.
type ListReport struct {
	Lists    []CheckedList `json:"lists"`
	Findings []ListFinding `json:"findings"`
	Notes    []string      `json:"notes,omitempty"` // what was not looked at, and why
}

// ListCheckOptions are what CheckLists takes from its surroundings.
type ListCheckOptions struct {
	Now      time.Time
	Memory   int                // numbers that are sorted in memory, 24 bytes each; beyond it in temporary files; 0: 2,000,000
	Progress func(ListProgress) // nil: nobody
}

// CheckLists looks for what is likely wrong with lists: those that the rule
// files of s declare under the given names (all, without names), and files that
// are declared nowhere. It reads each file at most twice and keeps of a list
// nothing but patterns, networks and what its findings say.
func CheckLists(s Settings, names, files []string, o ListCheckOptions) (*ListReport, error) {
	c := &listChecker{options: o, verdicts: map[[2]int]verdict{}, report: &ListReport{Lists: []CheckedList{}, Findings: []ListFinding{}}, sorter: listSorter{bound: cmp.Or(o.Memory, 2_000_000)}}
	if err := c.declared(s, names); err != nil {
		return nil, err
	}
	for _, file := range files {
		c.lists = append(c.lists, &checkedList{list: newListLoader(listSpec{Name: file, File: file, Country: s.Country}).list, alone: true})
	}
	err := c.run()
	if closed := c.sorter.close(); err == nil {
		err = closed
	}
	return c.report, err
}

// DeclaredLists are the names and files of the lists that rule files declare.
func DeclaredLists(files []string) map[string]string {
	all := map[string]string{}
	for _, decl := range readSource(files).lists {
		all[decl.name] = decl.file
	}
	return all
}

type listChecker struct {
	options ListCheckOptions
	report  *ListReport
	lists   []*checkedList
	uses    map[*List][]listUse // nil: the rules are not known
	sorter  listSorter
	failed  error

	verdicts map[[2]int]verdict // by places of two lists, the lower first
}

// checkedList is a list of which the patterns are kept.
type checkedList struct {
	list  *List // as the rules have it, without rows
	kept  *List // its patterns and networks
	alone bool  // no rule file declares it
	empty bool  // it may be
	rows  int64
	told  map[string]int
}

// declared takes the lists of the rule files, and what rules make of them.
func (c *listChecker) declared(s Settings, names []string) error {
	if len(s.Files) == 0 {
		return nil
	}
	src := readSource(s.Files)
	src.load = func(spec listSpec) (*List, []Diagnostic) { return newListLoader(spec).list, nil }
	lists := map[string]*List{}
	if rs, err := compileSource(s, src); err == nil {
		c.uses = rs.usesOf()
		for _, l := range rs.lists {
			lists[l.Name] = l
		}
	} else {
		c.note("the rules do not load, so it is not known which list counts where several have a number; see ringfence check")
	}
	for _, decl := range src.lists {
		l := lists[decl.name]
		if l == nil {
			l = newListLoader(decl.spec()).list
		}
		switch {
		case len(names) > 0 && !slices.Contains(names, decl.name), l.File == "" && decl.feed == nil:
		case decl.feed != nil && !exists(l.File):
			c.note(fmt.Sprintf("list %q has not been fetched yet", decl.name))
		default:
			c.lists = append(c.lists, &checkedList{list: l, empty: decl.empty})
		}
	}
	return nil
}

func (c *listChecker) note(text string) { c.report.Notes = append(c.report.Notes, text) }

// run reads all lists, and those again whose rows patterns may cover.
func (c *listChecker) run() error {
	patterns := false
	for i, l := range c.lists {
		c.read(i, l)
		patterns = patterns || len(l.kept.texts) > 0
	}
	if c.failed == nil {
		c.failed = c.meet()
	}
	for i, l := range c.lists {
		if c.failed == nil && patterns && c.covered(i) {
			c.readAgain(i, l)
		}
	}
	for _, l := range c.lists {
		c.report.Lists = append(c.report.Lists, CheckedList{l.list.Name, l.list.File, l.rows, l.told})
	}
	order := map[string]int{}
	for i, l := range c.lists {
		order[l.list.Name] = i
	}
	slices.SortStableFunc(c.report.Findings, func(a, b ListFinding) int {
		return cmp.Or(cmp.Compare(order[a.List], order[b.List]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return c.failed
}

// read reads a list for the first time: numbers go to the sorter, patterns and
// networks stay.
func (c *listChecker) read(at int, l *checkedList) {
	spec := l.list.listSpec
	spec.Empty = true
	loader := newListLoader(spec)
	loader.visit = func(e entry, subscriber uint64, d rowDetail) bool {
		l.rows++
		if d.expires != 0 && d.expires <= c.options.Now.Unix() {
			c.find(ListExpired, l, loader.line, fmt.Sprintf("%s expired on %s", e, instant(d.expires).Format(time.RFC3339)), "take it out")
			return true
		}
		if held := e.wide(); held != "" && l.list.Per == "" {
			c.find(ListWide, l, loader.line, wideMessage(e, held), wideHint)
		}
		if e.number != 0 && c.failed == nil {
			c.failed = c.sorter.add(listedAt{e.number, subscriber, uint64(at)<<lineBits | uint64(loader.line)})
		}
		return e.number != 0
	}
	c.load(loader, l)
	for _, d := range loader.errors.all() {
		c.tell(ListFinding{Kind: ListMalformed, List: spec.Name, File: cmp.Or(d.File, spec.File), Line: d.Line, Column: d.Column, Message: d.Message, Hint: d.Hint}, l)
	}
	for _, d := range loader.warnings.all() {
		if d.Column == 0 { // not that a column is not read
			c.find(ListDuplicate, l, d.Line, d.Message, d.Hint)
		}
	}
	if l.rows == 0 && !l.empty && len(loader.errors.d) == 0 {
		c.find(ListMalformed, l, 0, "the list is empty", "is the file whole? a list that is meant to have no rows is declared with empty: true")
	}
	l.kept = loader.list
}

// load has the loader read the file of l.
func (c *listChecker) load(loader *listLoader, l *checkedList) {
	file, err := openList(l.list.listSpec, listOptions{progress: c.options.Progress})
	if err != nil {
		loader.errors.add(Diagnostic{File: l.list.File, Message: err.Error()})
		return
	}
	defer func() { _ = file.Close() }() // it was only read
	if !file.isCompiled() && !strings.HasSuffix(l.list.File, compiledName) {
		loader.load(file)
		return
	}
	l.empty = true
	if l.kept != nil {
		return
	}
	compiled, found := newListLoader(loader.list.listSpec).loadCompiled(file, file.size())
	if compiled == nil {
		loader.errors.d = append(loader.errors.d, found...)
		return
	}
	l.rows = int64(compiled.Len())
	c.note(fmt.Sprintf("list %q is compiled and whole; what its rows say is checked in the file that it was built from, %s", l.list.Name, compiled.Origin()))
}

// find tells of something about a row.
func (c *listChecker) find(kind string, l *checkedList, line int, message, hint string) {
	c.tell(ListFinding{Kind: kind, List: l.list.Name, File: l.list.File, Line: line, Message: message, Hint: hint}, l)
}

func (c *listChecker) tell(f ListFinding, l *checkedList) {
	if l.told == nil {
		l.told = map[string]int{}
	}
	if l.told[f.Kind]++; l.told[f.Kind] <= maxFindings {
		c.report.Findings = append(c.report.Findings, f)
	}
}
