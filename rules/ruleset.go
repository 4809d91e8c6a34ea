package rules

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Ruleset is a compiled set of rules with its lists and tables. It does not
// change.
type Ruleset struct {
	settings  Settings
	rules     []*Rule
	lists     []*List
	learns    []LearnSpec
	calendars []*Calendar
	trunks    *trunks
	emergency *EmergencyTable
	finds     []find
	headers   []string        // that conditions ask for, by slot
	subjects  []*subject      // that calls are counted by
	answers   int             // of all subjects, in a frame
	windows   []time.Duration // in which limits count the calls of trunks
	good      []int           // slots of finds whose rows speak for a caller
	talked    *subject        // whose long calls speak for a caller, nil: they are not counted
	talks     int             // place of that question
	tried     bool            // by tests, which ask what the rules say: no mode of the daemon or a trunk counts
	index     *index
	warnings  Diagnostics
	feeds     []Feed
	awaited   map[string]bool // lists that wait for their first copy
}

// Rules are all rules in the order in which they are asked.
func (rs *Ruleset) Rules() []*Rule { return rs.rules }

// Holds tells whether r is a rule of this ruleset.
func (rs *Ruleset) Holds(r *Rule) bool {
	return r != nil && int(r.number) < len(rs.rules) && rs.rules[r.number] == r
}

// Lists are all lists by name.
func (rs *Ruleset) Lists() []*List { return rs.lists }

// List is the list of that name, nil for none.
func (rs *Ruleset) List(name string) *List {
	for _, l := range rs.lists {
		if l.Name == name {
			return l
		}
	}
	return nil
}

// Learns are the declared learned lists by name.
func (rs *Ruleset) Learns() []LearnSpec { return rs.learns }

// Mode is that of the daemon.
func (rs *Ruleset) Mode() Mode { return rs.settings.Mode }

// monitors tells whether no call like c is altered.
func (rs *Ruleset) monitors(c *Call) bool {
	return !rs.tried && (rs.settings.Mode == Monitor || c.trunk != nil && c.trunk.Mode == Monitor)
}

// Emergency is the table of emergency numbers.
func (rs *Ruleset) Emergency() *EmergencyTable { return rs.emergency }

// Warnings are findings that do not keep the ruleset from running.
func (rs *Ruleset) Warnings() []Diagnostic { return rs.warnings }

// Compile reads and checks everything that s names. It touches nothing that
// runs. The error is a Diagnostics with all that is wrong.
func Compile(s Settings) (*Ruleset, error) { return compileSource(s, readSource(s.Files)) }

// compileSource compiles what was read.
func compileSource(s Settings, src *source) (*Ruleset, error) {
	rs := &Ruleset{settings: s}
	d := s.check()
	rs.tables(&d)
	d = append(d, src.d...)
	c := newCompiler(&d, &rs.warnings)
	for _, t := range s.Trunks {
		c.trunks = append(c.trunks, t.Name)
	}
	if c.trunks != nil {
		c.trunks = append(c.trunks, "")
	}
	rs.loadLists(c, src)
	rs.declareLearned(c, src)
	rs.loadCalendars(c, src)
	unique := map[string]Position{}
	for i := range src.rules {
		rs.compileRule(c, &src.rules[i], unique)
	}
	rs.goodLists(c)
	rs.goodCalls(c)
	rs.arrange(c)
	if len(d) > 0 {
		d.inOrder(src.files)
		return nil, d
	}
	rs.finds, rs.headers = c.finds, c.headers
	rs.settings.Previous = nil // it would keep all before it
	rs.settings.warn(&rs.warnings)
	rs.lint()
	rs.warnings.inOrder(src.files)
	rs.index = newIndex(rs.rules)
	return rs, nil
}

// tables makes the tables of trunks and emergency numbers.
func (rs *Ruleset) tables(d *Diagnostics) {
	plan, err := NewPlan(rs.settings.Country, nil)
	if err != nil {
		d.at(Position{}, "country", err.Error(), "")
	}
	if rs.trunks, err = newTrunks(rs.settings.Trunks, plan); err != nil {
		for _, line := range strings.Split(err.Error(), "\n") {
			d.at(Position{}, "trunks", line, "")
		}
	}
	if rs.emergency, err = NewEmergency(rs.settings.Emergency); err != nil {
		d.at(Position{}, "emergency", err.Error(), "")
	}
}

// loadLists loads every list once and takes their findings.
func (rs *Ruleset) loadLists(c *compiler, src *source) {
	for _, decl := range src.lists {
		if first := c.lists[decl.name]; first != nil {
			c.d.at(decl.at, fmt.Sprintf("list %q", decl.name), "is declared already at "+first.decl.at.String(), "give it a name of its own")
			continue
		}
		entry := &listEntry{decl: decl}
		c.lists[decl.name] = entry
		rs.feed(&decl)
		load := rs.loadList
		if decl.feed != nil {
			load = rs.loadFeed
		} else if decl.file == "" {
			continue
		}
		if src.load != nil {
			load = src.load
		}
		list, findings := load(decl.spec())
		if list == nil {
			*c.d = append(*c.d, findings...)
			continue
		}
		*c.warn = append(*c.warn, findings...)
		entry.list = list
		rs.lists = append(rs.lists, list)
	}
	slices.SortFunc(rs.lists, func(a, b *List) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(rs.feeds, func(a, b Feed) int { return strings.Compare(a.List, b.List) })
}

// loadList is that of the ruleset before where nothing has changed.
func (rs *Ruleset) loadList(spec listSpec) (*List, []Diagnostic) {
	if l := rs.settings.Previous.unchanged(spec); l != nil {
		return l, l.warnings
	}
	return loadListWith(spec, listOptions{progress: rs.settings.Progress})
}

// declareLearned takes the declarations of learned lists.
func (rs *Ruleset) declareLearned(c *compiler, src *source) {
	first := map[string]Position{}
	for _, decl := range src.learns {
		name := decl.spec.Name
		if at, ok := first[name]; ok {
			c.d.at(decl.at, fmt.Sprintf("learn %q", name), "is declared already at "+at.String(), "give it a name of its own")
			continue
		}
		first[name] = decl.at
		c.learned[name] = learnedEntry{faulty: decl.faulty}
		rs.learns = append(rs.learns, decl.spec)
	}
	slices.SortFunc(rs.learns, func(a, b LearnSpec) int { return strings.Compare(a.Name, b.Name) })
	for i := range rs.learns {
		name := rs.learns[i].Name
		c.learned[name] = learnedEntry{i, &rs.learns[i], c.learned[name].faulty}
	}
	for _, decl := range src.learns {
		for i, upstream := range decl.spec.Upstream {
			if rs.trunks != nil && rs.trunks.named(upstream) == nil {
				var known []string
				for _, t := range rs.settings.Trunks {
					known = append(known, t.Name)
				}
				c.d.at(decl.upstreams[i], fmt.Sprintf("learn %q", decl.spec.Name), fmt.Sprintf("upstream %q is no trunk of the configuration", upstream), didYouMean(upstream, known))
			}
		}
	}
}

// compileRule makes the rule ready to be asked.
func (rs *Ruleset) compileRule(c *compiler, decl *ruleDecl, unique map[string]Position) {
	subject := decl.subject()
	if decl.rule.ID == "" {
		subject = "rule"
	} else if at, ok := unique[decl.rule.ID]; ok {
		c.d.at(decl.at, subject, "is defined already at "+at.String(), "ids are unique over all rule files")
	} else {
		unique[decl.rule.ID] = decl.at
	}
	r := &decl.rule
	r.number = int32(len(rs.rules))
	r.Counts = &RuleCounts{}
	r.partial, r.salt = r.Rollout != 0 || r.Limit != nil, hashText(r.ID)
	if l := r.Limit; l != nil && l.Share != 0 {
		if l.window = slices.Index(rs.windows, l.Per); l.window < 0 {
			l.window = len(rs.windows)
			rs.windows = append(rs.windows, l.Per)
		}
	}
	rs.rules = append(rs.rules, r)
	when := c.compile(decl.when, subject)
	rs.answer(c, decl, when, subject)
	rs.holdOff(c, decl, when, subject)
	if when == nil {
		return
	}
	r.condition = when
	r.signals = r.measures()
	for _, part := range when.conjuncts() {
		if part.stateful {
			r.stateful = append(r.stateful, part)
		} else {
			r.pure = append(r.pure, part)
		}
	}
	// What asks the clock or what was learned comes last: it is the dearer part.
	r.eval = join(isAnd, slices.Concat(r.pure, r.stateful)...).eval
	r.rest = r.eval
}

// answer makes the answer of a block, and checks it against the lists that the
// rule blocks on.
func (rs *Ruleset) answer(c *compiler, decl *ruleDecl, when *condition, subject string) {
	r := &decl.rule
	if r.Action != Block || !r.Ends || r.Why == NoWhy && !r.Listed {
		return
	}
	rs.answerLearned(c, decl, when, subject)
	analytics := r.Why == Analytics
	if when != nil {
		when.walk(true, func(p *condition, positive bool) {
			if p.list == nil || !positive {
				return
			}
			name := p.list.Name
			switch {
			case !r.Listed && p.list.Why != NoWhy && p.list.Why != r.Why:
				c.d.at(decl.why, subject, fmt.Sprintf("blocks for %s on list %q, whose why is %s", r.Why, name, p.list.Why), fmt.Sprintf("write block: %s or block: listed", p.list.Why))
			case r.Listed && p.list.Why == NoWhy:
				c.d.at(decl.why, subject, fmt.Sprintf("block: listed needs list %q to declare a why", name), "rows without one of their own take it")
			}
			analytics = analytics || r.Listed && p.list.says(Analytics)
		})
		if r.Listed && !when.implies() {
			c.d.at(decl.why, subject, "block: listed, but the condition can hold without a row of a list", `write a condition that needs "in list(…)"`)
		}
	}
	if missing := rs.settings.Redress.complete(); analytics && missing != "" {
		c.d.at(decl.why, subject, "blocks for analytics without "+missing, "603 Network Blocked must name one; set redress in the configuration")
		return
	}
	if r.Listed {
		r.answers = make([]answer, Overload+1)
		for w := Analytics; w <= Overload; w++ {
			r.answers[w] = newAnswer(w, NoFailure, 0, &rs.settings)
		}
	} else {
		if r.Why == Hours && r.Retry == 0 && when != nil {
			r.opens = when.openings()
		}
		r.answers = []answer{newAnswer(r.Why, r.Failure, r.Retry, &rs.settings)}
		r.Retry = r.answers[0].retry
	}
	if !analytics {
		return
	}
	switch n := r.answers[0].length(); {
	case r.Listed:
	case n > reasonTooLong:
		c.d.at(decl.why, subject, fmt.Sprintf("its Reason header would be %d characters long, at most %d", n, reasonTooLong), "shorten the redress contact")
	case n > reasonLong:
		c.warn.at(decl.why, subject, fmt.Sprintf("its Reason header is %d characters long, some switches lose those over %d", n, reasonLong), "shorten the redress contact")
	}
}

// says tells whether some row of l has the given why.
func (l *List) says(why Why) bool {
	if l.Why == why {
		return true
	}
	return slices.ContainsFunc(l.details, func(d rowDetail) bool { return d.why == why })
}

// String is file:line:column.
func (p Position) String() string {
	return strings.TrimSuffix(Diagnostic{File: filepath.Clean(p.File), Line: p.Line, Column: p.Column}.Error(), ": ")
}
