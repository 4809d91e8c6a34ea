package sidecar

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"ringfence/rules"
	"ringfence/sidecar/alert"
)

// BlockedCall is a line of upstream-blocks.jsonl: a call that passed here and
// that a carrier's analytics stopped (603+ or 608). Its contacts are whom the
// owner of the caller's number can ask to have that ended.
type BlockedCall struct {
	Time     time.Time `json:"time"` // UTC, when the answer came
	ID       string    `json:"id"`   // decision id
	Caller   string    `json:"caller,omitempty"`
	Own      bool      `json:"own,omitempty"` // the caller is on a list of own numbers
	Callee   string    `json:"callee,omitempty"`
	Account  string    `json:"account,omitempty"`
	Trunk    string    `json:"trunk,omitempty"`   // it came in by
	Carrier  string    `json:"carrier,omitempty"` // that stopped it
	Code     int       `json:"code"`
	Phrase   string    `json:"phrase,omitempty"`
	URL      string    `json:"url,omitempty"`
	Tel      string    `json:"tel,omitempty"`
	Email    string    `json:"email,omitempty"`
	BlockID  string    `json:"block_id,omitempty"` // of the block, as the carrier knows it
	Location string    `json:"location,omitempty"` // who stopped it (RFC 8606)
}

// Contact is the way to complain that says most.
func (b *BlockedCall) Contact() string { return cmp.Or(b.URL, b.Email, b.Tel) }

// blockedCall is a line of which the owner of the number is not known yet.
func blockedCall(c *rules.Ended) BlockedCall {
	// What a switch reported is part of a larger text.
	kept := func(s string) string { return strings.Clone(s[:min(len(s), callIDLimit)]) }
	return BlockedCall{
		Time: c.At.UTC(), ID: c.ID.String(), Caller: c.Caller.String(), Callee: c.Callee.String(),
		Account: kept(c.Account), Trunk: kept(c.Trunk), Carrier: kept(c.Carrier),
		Code: c.Code, Phrase: kept(c.Phrase),
		URL: kept(c.Blocked.URL), Tel: kept(c.Blocked.Tel), Email: kept(c.Blocked.Email), BlockID: kept(c.Blocked.ID), Location: kept(c.Blocked.Location),
	}
}

// blockLog writes down the calls that carriers stopped, and tells of own numbers
// among their callers. Ended never waits.
type blockLog struct {
	records[block]
	own   func(rules.Number) bool
	raise func(alert.Alert)

	// The rest belongs to the writing goroutine.
	told    map[rules.Number]time.Time // own numbers that were told of
	encoder *json.Encoder
	out     bytes.Buffer
}

type block struct {
	caller rules.Number
	line   BlockedCall
}

func blocksConfig(state string) JournalConfig {
	return JournalConfig{File: filepath.Join(state, blocksName), MaxSize: blocksSize, Keep: blocksKeep, Queue: blocksQueue}
}

// openBlocks opens or makes the file and starts to write. own tells whether a
// number is ours.
func openBlocks(c JournalConfig, log *slog.Logger, raise func(alert.Alert), own func(rules.Number) bool) (*blockLog, error) {
	b := &blockLog{own: own, raise: raise, told: map[rules.Number]time.Time{}}
	b.encoder = json.NewEncoder(&b.out)
	b.encoder.SetEscapeHTML(false)
	b.records = newRecords(c, "upstream blocks", "calls that carriers blocked", log, b.append)
	if err := b.open(); err != nil {
		return nil, err
	}
	return b, nil
}

// Ended takes down a call if a carrier stopped it.
func (b *blockLog) Ended(c *rules.Ended) {
	if c.Blocked != nil {
		b.put(block{c.Caller, blockedCall(c)})
	}
}

// append writes one as a line.
func (b *blockLog) append(to []byte, one block) []byte {
	one.line.Own = b.own(one.caller)
	if one.line.Own {
		b.tell(&one)
	}
	b.out.Reset()
	if err := b.encoder.Encode(&one.line); err != nil { // only of a time beyond the year 9999
		b.errors.Add(1)
		return to
	}
	return append(to, b.out.Bytes()...)
}

// tell warns that calls of an own number are stopped, once a day a number.
func (b *blockLog) tell(one *block) {
	if last, ok := b.told[one.caller]; ok && one.line.Time.Sub(last) < tellBlocksEvery {
		return
	}
	if len(b.told) >= tellBlocksOf {
		clear(b.told)
	}
	b.told[one.caller] = one.line.Time
	b.raise(alert.Alert{Kind: alert.OwnNumberBlocked, Subject: "number " + one.line.Caller, State: alert.Once, Time: one.line.Time, Figures: &one.line,
		Text: fmt.Sprintf("carrier %s blocks calls of %s with %d; its owner can complain there: %s (ringfence report blocks)",
			cmp.Or(one.line.Carrier, "unknown"), one.line.Caller, one.line.Code, cmp.Or(one.line.Contact(), "no contact given"))})
}

// Bounds of what is told.
const (
	tellBlocksEvery = 24 * time.Hour
	tellBlocksOf    = 10_000 // numbers
)

// restoreBlocks has the engine count what was written down before a restart.
func restoreBlocks(c JournalConfig, engine *rules.Engine, now time.Time) error {
	for i := c.Keep; i >= 0; i-- {
		err := eachBlock(numbered(c.File, i), func(b *BlockedCall) {
			if n, err := rules.ParseNumber(b.Caller); err == nil {
				engine.RestoreBlock(n, b.Time, now)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}
