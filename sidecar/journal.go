package sidecar

import (
	"context"
	"log/slog"
	"sync"

	"ringfence/rules"
)

// Journal keeps one line for each stopped call. Record never waits.
type Journal struct {
	records[*record]
	free sync.Pool
	mask func(rules.Number) string
}

// OpenJournal opens or makes the file and starts to write.
func OpenJournal(c JournalConfig, log *slog.Logger, mask func(rules.Number) string) (*Journal, error) {
	j := newJournal(c, log, mask)
	if err := j.open(); err != nil {
		return nil, err
	}
	return j, nil
}

func newJournal(c JournalConfig, log *slog.Logger, mask func(rules.Number) string) *Journal {
	j := &Journal{mask: mask}
	j.records = newRecords(c, "journal", "stopped calls", log, j.append)
	j.free.New = func() any { return new(record) }
	return j
}

// Record takes down what was decided about c. Both can be reused afterwards.
func (j *Journal) Record(c *rules.Call, v *rules.Verdict, before, after *rules.Ruleset) {
	r := j.free.Get().(*record)
	r.fill(c, v)
	r.before, r.after = before, after
	if !j.put(r) {
		j.free.Put(r)
	}
}

// append writes r as a line and lets go of it.
func (j *Journal) append(to []byte, r *record) []byte {
	e := r.entry()
	to = e.append(to)
	if j.log.Enabled(context.Background(), slog.LevelDebug) {
		j.log.Debug("call stopped", "call", e.ID, "mode", e.Mode, "rule", e.Rule, "why", e.Why,
			"caller", j.mask(r.caller), "callee", j.mask(r.callee), "trunk", e.Trunk)
	}
	j.free.Put(r)
	return to
}
