package sidecar

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"ringfence/rules"
)

// Entry is one line of the journal: a call that was stopped, or one that a
// rule in monitor mode would have stopped.
type Entry struct {
	Time      time.Time `json:"time"` // UTC, when the call came
	ID        string    `json:"id"`   // decision id
	Mode      string    `json:"mode"` // enforce, or monitor: the call passed
	Action    string    `json:"action"`
	Rule      string    `json:"rule"`
	Why       string    `json:"why,omitempty"`
	Code      int       `json:"code,omitempty"`
	Phrase    string    `json:"phrase,omitempty"`
	Reason    string    `json:"reason,omitempty"` // value of the Reason header
	Target    string    `json:"target,omitempty"` // of a divert
	Caller    string    `json:"caller,omitempty"`
	Callee    string    `json:"callee,omitempty"`
	Trunk     string    `json:"trunk,omitempty"`
	Source    string    `json:"source,omitempty"`
	CallID    string    `json:"call_id,omitempty"`
	Row       *EntryRow `json:"row,omitempty"`
	Monitored []string  `json:"monitored,omitempty"` // rules in monitor mode that would have stopped the call
}

// EntryRow is the row of a list that matched.
type EntryRow struct {
	List    string `json:"list"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Pattern string `json:"pattern,omitempty"`
	Source  string `json:"source,omitempty"`
	Note    string `json:"note,omitempty"`
}

// record is what a decision hands to the journal: values and its own copies,
// so that the call and the verdict can be reused at once.
type record struct {
	at        time.Time
	id        rules.ID
	action    rules.Action
	why       rules.Why
	code      int
	phrase    string
	reason    []byte
	target    string
	caller    rules.Number
	callee    rules.Number
	trunk     []byte
	source    netip.Addr
	callID    []byte
	rule      *rules.Rule
	list      string
	row       rules.RowRef
	monitored []*rules.Rule
	before    *rules.Ruleset // that ran when the decision began
	after     *rules.Ruleset // and when it had ended: one of them decided
}

// callIDLimit bounds what a caller can write into the journal; RFC 3261 sets
// no bound for a Call-ID.
const callIDLimit = 256

func (r *record) fill(c *rules.Call, v *rules.Verdict) {
	r.at, r.id, r.action, r.why, r.code, r.phrase, r.target = c.At, v.ID, v.Action, v.Why, v.Code, v.Phrase, v.Target
	r.caller, r.callee, r.source = v.Caller, v.Callee, c.Source
	r.rule, r.list, r.row = v.Rule, v.List, v.Row
	r.reason = append(r.reason[:0], v.Reason...)
	r.trunk = append(r.trunk[:0], v.Trunk[:min(len(v.Trunk), callIDLimit)]...)
	r.callID = append(r.callID[:0], c.CallID[:min(len(c.CallID), callIDLimit)]...)
	r.monitored = append(r.monitored[:0], v.Monitored...)
}

// entry is r as the journal tells it.
func (r *record) entry() Entry {
	e := Entry{
		Time: r.at.UTC(), ID: r.id.String(), Mode: rules.Enforce.String(), Action: r.action.String(),
		Caller: r.caller.String(), Callee: r.callee.String(), Trunk: string(r.trunk), CallID: string(r.callID),
	}
	if r.source.IsValid() {
		e.Source = r.source.String()
	}
	for _, m := range r.monitored {
		e.Monitored = append(e.Monitored, m.ID)
	}
	if m := wouldStop(r.monitored); r.action == rules.Allow && m != nil {
		e.Mode, e.Action, e.Rule, e.Why = rules.Monitor.String(), m.Action.String(), m.ID, m.Why.String()
		e.Target = m.Target
		return e
	}
	if r.rule != nil {
		e.Rule = r.rule.ID
	}
	if r.action == rules.Block {
		e.Why, e.Code, e.Phrase, e.Reason = r.why.String(), r.code, r.phrase, string(r.reason)
	} else {
		e.Target = r.target
	}
	e.Row = r.matched()
	return e
}

// matched is the row that matched, nil when none did.
func (r *record) matched() *EntryRow {
	if r.list == "" || r.row == 0 {
		return nil
	}
	for _, rs := range []*rules.Ruleset{r.after, r.before} {
		if rs == nil || !rs.Holds(r.rule) {
			continue
		}
		for _, l := range rs.Lists() {
			if l.Name == r.list {
				row := l.Row(r.row)
				return &EntryRow{List: r.list, File: l.File, Line: row.Line, Pattern: row.Pattern, Source: row.Source, Note: row.Note}
			}
		}
	}
	return &EntryRow{List: r.list}
}

// Journal keeps one line for each stopped call in a bounded, rotated file.
// Record never waits: beyond the bound of the queue a call is counted as
// dropped, and the log says so.
//
// Lines are written as they come and synced to the disk at least once a
// second, at each rotation and at the end: a crash of the daemon loses what is
// queued, a crash of the machine one second more.
type Journal struct {
	queue   chan *record
	free    sync.Pool
	dropped atomic.Uint64
	written atomic.Uint64
	errors  atomic.Uint64
	stop    chan struct{}
	done    chan struct{}

	// The rest belongs to the writing goroutine.
	log     *slog.Logger
	mask    func(rules.Number) string
	file    rotated
	encoded bytes.Buffer
	encoder *json.Encoder
	lines   int    // in file.buffer
	failing bool   // the last write failed
	told    uint64 // drops that the log has told
}

// OpenJournal opens or makes the file and starts to write.
func OpenJournal(c JournalConfig, log *slog.Logger, mask func(rules.Number) string) (*Journal, error) {
	j := &Journal{
		queue: make(chan *record, c.Queue),
		stop:  make(chan struct{}),
		done:  make(chan struct{}),
		log:   log,
		mask:  mask,
		file:  rotated{name: c.File, limit: c.MaxSize, keep: c.Keep},
	}
	j.free.New = func() any { return new(record) }
	j.encoder = json.NewEncoder(&j.encoded)
	j.encoder.SetEscapeHTML(false)
	if err := j.file.open(); err != nil {
		return nil, err
	}
	go j.run()
	return j, nil
}

// Record takes down what was decided about c. Both can be reused afterwards.
func (j *Journal) Record(c *rules.Call, v *rules.Verdict, before, after *rules.Ruleset) {
	r := j.free.Get().(*record)
	r.fill(c, v)
	r.before, r.after = before, after
	select {
	case j.queue <- r:
	default:
		j.dropped.Add(1)
		j.free.Put(r)
	}
}

// Close writes what is queued and closes the file.
func (j *Journal) Close() {
	close(j.stop)
	<-j.done
}

func (j *Journal) run() {
	defer close(j.done)
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	queue := j.queue
	for {
		select {
		case r := <-queue:
			j.write(r)
			j.gather()
		case <-tick.C:
			j.flush()
			j.sync()
		case <-j.stop:
			for len(j.queue) > 0 {
				j.write(<-j.queue)
			}
			j.flush()
			if j.lines > 0 {
				j.log.Error("journal: stopped calls are lost", "calls", j.lines, "file", j.file.name)
			}
			if err := j.file.close(); err != nil {
				j.log.Error("journal: cannot close", "err", err)
			}
			return
		}
		// While the file cannot be written the queue keeps what comes, up to
		// its bound.
		queue = j.queue
		if j.failing {
			queue = nil
		}
	}
}

// gather writes what else comes within a moment, so that a burst of stopped
// calls costs one wake-up and one write to the file, not one each.
func (j *Journal) gather() {
	select {
	case <-time.After(gatherTime):
	case <-j.stop:
	}
	for n := len(j.queue); n > 0 && !j.failing; n-- {
		j.write(<-j.queue)
	}
	j.flush()
}

func (j *Journal) write(r *record) {
	e := r.entry()
	j.encoded.Reset()
	if err := j.encoder.Encode(&e); err != nil { // only of a time beyond the year 9999
		j.fail(err)
		return
	}
	j.lines++
	if err := j.file.append(j.encoded.Bytes()); err != nil {
		j.fail(err)
	}
	if j.log.Enabled(context.Background(), slog.LevelDebug) {
		j.log.Debug("call stopped", "call", e.ID, "mode", e.Mode, "rule", e.Rule, "why", e.Why,
			"caller", j.mask(r.caller), "callee", j.mask(r.callee), "trunk", e.Trunk)
	}
	j.free.Put(r)
}

func (j *Journal) flush() {
	if err := j.file.flush(); err != nil {
		j.fail(err)
		return
	}
	j.written.Add(uint64(j.lines))
	j.lines, j.failing = 0, false
}

func (j *Journal) sync() {
	if err := j.file.sync(); err != nil {
		j.fail(err)
	}
	if n := j.dropped.Load(); n > j.told {
		j.log.Error("journal: queue full, stopped calls not recorded", "calls", n-j.told, "queue", cap(j.queue))
		j.told = n
	}
}

func (j *Journal) fail(err error) {
	j.errors.Add(1)
	j.failing = true
	j.log.Error("journal: cannot write, stopped calls wait in the queue", "err", err, "queued", len(j.queue))
}
