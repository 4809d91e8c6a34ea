package sidecar

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"ringfence/rules"
)

// MonitorReport is what rules in monitor would have stopped, by the journal, and
// of how many calls, by the traffic file.
type MonitorReport struct {
	From    time.Time       `json:"from"` // a whole hour, as traffic is kept by the hour
	Until   time.Time       `json:"until"`
	Journal time.Time       `json:"journal_begins,omitzero"` // its oldest line
	Cut     bool            `json:"journal_cut,omitempty"`   // it begins after from, and may have been longer
	Traffic time.Time       `json:"traffic_begins,omitzero"` // the oldest hour
	Rules   []MonitoredRule `json:"rules"`                   // in the order of the rule files; those that are gone at the end
}

// MonitoredRule is what one rule would have stopped. What it did stop, as one
// that is enforced for a share of callers does, is told apart.
type MonitoredRule struct {
	Rule  string `json:"rule"`
	Does  string `json:"does,omitempty"` // block or divert, and why
	Mode  string `json:"mode"`           // as in "monitor" and "enforce 10%"; gone when no rule file has the rule
	Limit string `json:"limit,omitempty"`

	Calls        uint64           `json:"calls"`          // it would have stopped
	Stopped      uint64           `json:"stopped"`        // it did stop
	Callers      uint64           `json:"callers"`        // different numbers
	Nameless     uint64           `json:"without_number"` // of the calls
	KnownCalls   uint64           `json:"known_good_calls"`
	KnownCallers uint64           `json:"known_good_callers"`
	Estimated    bool             `json:"estimated,omitempty"` // callers: there are too many to hold
	First        time.Time        `json:"first,omitzero"`
	Last         time.Time        `json:"last,omitzero"`
	Of           uint64           `json:"of,omitzero"`     // all calls; absent while they are not known
	Share        *float64         `json:"share,omitempty"` // of them: calls and stopped
	Trunks       []MonitoredTrunk `json:"trunks,omitempty"`
	Guarded      []rules.Guarded  `json:"guarded,omitempty"` // trunks on which its limit has put it into monitor
}

// MonitoredTrunk is that of the calls of a trunk.
type MonitoredTrunk struct {
	Trunk   string   `json:"trunk"` // empty: calls without one
	Calls   uint64   `json:"calls"`
	Stopped uint64   `json:"stopped"`
	Of      uint64   `json:"of,omitzero"`     // all of the trunk; absent while they are not known
	Share   *float64 `json:"share,omitempty"` // of them
}

// ReportOptions say what a report is about.
type ReportOptions struct {
	From, Until time.Time
	Rules       []string                // ids; none: all
	Progress    func(done, total int64) // nil: nobody is told
}

// callersHeld bounds the hashes of callers that a report holds, some 40 bytes
// each.
const callersHeld = 1 << 20

// ReadMonitored makes the report from the files that c names; the daemon need
// not run. The error of a journal that has no file is fs.ErrNotExist.
func ReadMonitored(c *Config, o ReportOptions) (*MonitorReport, error) {
	r := &MonitorReport{From: o.From.UTC().Truncate(time.Hour), Until: o.Until.UTC()}
	if whole := r.Until.Truncate(time.Hour); whole.Before(r.Until) && r.Until.Before(time.Now()) {
		r.Until = whole.Add(time.Hour)
	}
	if !r.From.Before(r.Until) {
		return nil, fmt.Errorf("there is no time from %s to %s", r.From.Format(time.RFC3339), r.Until.Format(time.RFC3339))
	}
	m := &monitoring{report: r, options: o, callers: newDistincts(callersHeld), rules: map[string]*monitoredRule{}}
	if err := m.read(c.Journal); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	traffic, err := r.traffic(filepath.Join(c.State, trafficName))
	if err != nil {
		return nil, fmt.Errorf("traffic: %w", err)
	}
	guarded, err := readGuards(filepath.Join(c.State, guardedName))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", guardedName, err)
	}
	declared := rules.DeclaredRules(c.Settings.Files)
	for _, id := range o.Rules {
		if m.rules[id] == nil { // the journal knows some that are gone
			err = errors.Join(err, rules.UnknownRule(id, declared, "is in no rule file, and the journal does not know it"))
		}
	}
	if err != nil {
		return nil, err
	}
	m.tell(declared, traffic, guarded)
	return r, nil
}

// traffic are the calls of each trunk within the time of the report.
func (r *MonitorReport) traffic(name string) (map[string]uint64, error) {
	calls := map[string]uint64{}
	err := eachHour(name, func(h trafficHour) {
		if r.Traffic.IsZero() || h.Hour.Before(r.Traffic) {
			r.Traffic = h.Hour
		}
		if h.Hour.Before(r.From) || !h.Hour.Before(r.Until) {
			return
		}
		for trunk, n := range h.Calls {
			calls[trunk] += n
		}
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return calls, err
}

// monitoring reads a journal.
type monitoring struct {
	report  *MonitorReport
	options ReportOptions
	callers *distincts
	rules   map[string]*monitoredRule
}

type monitoredRule struct {
	MonitoredRule
	callers, known *distinct
	trunks         map[string]*MonitoredTrunk
}

// rule is what is counted of a rule.
func (m *monitoring) rule(id string) *monitoredRule {
	r := m.rules[id]
	if r == nil {
		r = &monitoredRule{callers: m.callers.new(), known: m.callers.new(), trunks: map[string]*MonitoredTrunk{}}
		m.rules[id] = r
	}
	return r
}

// trunk is what is counted of a trunk's calls.
func (r *monitoredRule) trunk(name string) *MonitoredTrunk {
	t := r.trunks[name]
	if t == nil {
		t = &MonitoredTrunk{Trunk: name}
		r.trunks[name] = t
	}
	return t
}

// read reads the journal and its rotated files, of which it takes hold at once:
// the daemon may move them on meanwhile.
func (m *monitoring) read(j JournalConfig) error {
	files, err := openRotated(j.File)
	defer func() {
		for _, f := range files {
			_ = f.Close() // it was only read
		}
	}()
	if err != nil {
		return err
	}
	var total, done int64
	sizes := make([]int64, len(files))
	for i, f := range files {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		sizes[i] = info.Size()
		total += sizes[i]
	}
	for i, f := range files {
		at := done
		err := linesOf(io.LimitReader(f, sizes[i]), func(line []byte) bool {
			if done += int64(len(line)) + 1; m.options.Progress != nil && done-at > 4<<20 {
				at = done
				m.options.Progress(done, total)
			}
			m.line(line)
			return true
		})
		if err != nil {
			return err
		}
	}
	m.report.Cut = len(files) > j.Keep && m.report.Journal.After(m.report.From)
	return nil
}

// openRotated opens a file of lines and its rotated ones.
func openRotated(name string) (files []*os.File, err error) {
	for i, missing := 0, 0; missing < 2; i++ { // one can be on its way to the next number
		f, info, err := openRegular(numbered(name, i))
		if errors.Is(err, fs.ErrNotExist) {
			missing++
			continue
		}
		if err != nil {
			return files, err
		}
		missing = 0
		if slices.ContainsFunc(files, func(o *os.File) bool { other, err := o.Stat(); return err == nil && os.SameFile(other, info) }) {
			_ = f.Close() // it was moved on meanwhile
			continue
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return files, nil
}

// What the line of a call begins with.
var timeMember = []byte(`{"time":"`)

// line takes one line of the journal.
func (m *monitoring) line(line []byte) {
	at, ok := timeOf(line)
	if ok && (m.report.Journal.IsZero() || at.Before(m.report.Journal)) {
		m.report.Journal = at
	}
	if !ok || at.Before(m.report.From) || !at.Before(m.report.Until) {
		return
	}
	var e struct {
		Mode      string   `json:"mode"`
		Rule      string   `json:"rule"`
		Caller    string   `json:"caller"`
		Trunk     string   `json:"trunk"`
		Monitored []string `json:"monitored"`
		Known     bool     `json:"known"`
	}
	if json.Unmarshal(line, &e) != nil {
		return
	}
	asked := func(id string) bool { return len(m.options.Rules) == 0 || slices.Contains(m.options.Rules, id) }
	if e.Mode == rules.Enforce.String() && e.Rule != "" && asked(e.Rule) {
		r := m.rule(e.Rule)
		r.Stopped++
		r.trunk(e.Trunk).Stopped++
	}
	for _, id := range e.Monitored {
		if !asked(id) {
			continue
		}
		r := m.rule(id)
		r.Calls++
		r.trunk(e.Trunk).Calls++
		if e.Caller == "" {
			r.Nameless++
		} else {
			r.callers.add(e.Caller)
		}
		if e.Known {
			r.KnownCalls++
			r.known.add(e.Caller)
		}
		if r.First.IsZero() || at.Before(r.First) {
			r.First = at
		}
		if at.After(r.Last) {
			r.Last = at
		}
	}
}

// timeOf is the time of a line of the journal.
func timeOf(line []byte) (time.Time, bool) {
	rest, ok := bytes.CutPrefix(line, timeMember)
	text, _, more := bytes.Cut(rest, []byte{'"'})
	if !ok || !more {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339Nano, string(text))
	return at, err == nil
}

// tell makes the report of what was read: of every rule in monitor, or partly
// so, and of those that would have stopped a call.
func (m *monitoring) tell(declared []*rules.Rule, traffic map[string]uint64, guarded []rules.Guarded) {
	var all uint64
	for _, n := range traffic {
		all += n
	}
	add := func(id string, r *rules.Rule) {
		one := m.rule(id)
		delete(m.rules, id)
		if one.Rule, one.Mode = id, "gone"; r != nil {
			one.Does, one.Mode = r.Action.String(), r.Trying()
			if r.Action == rules.Block {
				one.Does += " " + cmp.Or(r.Why.String(), "listed")
			}
			if r.Limit != nil {
				one.Limit = r.Limit.String()
			}
		}
		for _, g := range guarded {
			if g.Rule == id {
				one.Guarded = append(one.Guarded, g)
			}
		}
		one.count(traffic, all)
		m.report.Rules = append(m.report.Rules, one.MonitoredRule)
	}
	m.report.Rules = []MonitoredRule{}
	for _, r := range declared {
		asked := len(m.options.Rules) == 0 || slices.Contains(m.options.Rules, r.ID)
		trying := r.Ends && r.Action != rules.Allow && r.Mode != rules.Off && (r.Mode == rules.Monitor || r.Rollout != 0)
		if m.monitored(r.ID) || asked && (trying || len(m.options.Rules) > 0) {
			add(r.ID, r)
		}
		delete(m.rules, r.ID)
	}
	for _, id := range slices.Sorted(maps.Keys(m.rules)) {
		if m.monitored(id) || len(m.options.Rules) > 0 {
			add(id, nil)
		}
	}
}

// monitored tells whether a rule would have stopped a call that passed.
func (m *monitoring) monitored(id string) bool { return m.rules[id] != nil && m.rules[id].Calls > 0 }

// count fills in what is counted, of the calls of each trunk and of all.
func (r *monitoredRule) count(traffic map[string]uint64, all uint64) {
	var exact, exactKnown bool
	r.Callers, exact = r.callers.count()
	r.KnownCallers, exactKnown = r.known.count()
	r.Estimated = !exact || !exactKnown
	r.Of, r.Share = all, shareOf(r.Calls+r.Stopped, all)
	for _, name := range slices.Sorted(maps.Keys(r.trunks)) {
		t := r.trunks[name]
		t.Of, t.Share = traffic[name], shareOf(t.Calls+t.Stopped, traffic[name])
		r.Trunks = append(r.Trunks, *t)
	}
}

// shareOf is a part of a whole, nil when the whole is not known.
func shareOf(part, whole uint64) *float64 {
	if whole == 0 {
		return nil
	}
	share := float64(part) / float64(whole)
	return &share
}
