package sidecar

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// BlockQuery says which calls that carriers stopped are asked for.
type BlockQuery struct {
	Caller  string // in its global form; empty: any
	Account string // empty: any
	Own     bool   // only own numbers
	Since   time.Time
}

// BlockedCaller is how the calls of one number were stopped by carriers.
type BlockedCaller struct {
	Caller   string           `json:"caller"` // empty: withheld, or no number
	Own      bool             `json:"own,omitempty"`
	Calls    int              `json:"calls"`
	First    time.Time        `json:"first"`
	Last     time.Time        `json:"last"`
	Accounts []string         `json:"accounts,omitempty"`
	Carriers []BlockedCarrier `json:"carriers"` // with most calls first
}

// BlockedCarrier is how one carrier stopped them, and what it said last.
type BlockedCarrier struct {
	Carrier string      `json:"carrier"` // empty when unknown
	Calls   int         `json:"calls"`
	Last    BlockedCall `json:"last"`
}

// BlockedCallers reads what was written down in the state folder of calls that
// carriers stopped, by caller, with most calls first. It is fs.ErrNotExist where
// nothing was ever written down.
func BlockedCallers(state string, q BlockQuery) ([]BlockedCaller, error) {
	c := blocksConfig(state)
	if _, err := os.Stat(c.File); err != nil {
		return nil, err
	}
	callers := map[string]*BlockedCaller{}
	seen := map[string]bool{} // decision ids: a file that is moved meanwhile is read twice
	for i := range c.Keep + 2 {
		err := eachBlock(numbered(c.File, i), func(b *BlockedCall) {
			if seen[b.ID] || q.Caller != "" && b.Caller != q.Caller || q.Account != "" && b.Account != q.Account || q.Own && !b.Own || b.Time.Before(q.Since) {
				return
			}
			seen[b.ID] = true
			one := callers[b.Caller]
			if one == nil {
				one = &BlockedCaller{Caller: b.Caller, First: b.Time}
				callers[b.Caller] = one
			}
			one.add(b)
		})
		if err != nil {
			return nil, err
		}
	}
	all := make([]BlockedCaller, 0, len(callers))
	for _, one := range callers {
		slices.Sort(one.Accounts)
		slices.SortFunc(one.Carriers, func(a, b BlockedCarrier) int {
			return cmp.Or(cmp.Compare(b.Calls, a.Calls), strings.Compare(a.Carrier, b.Carrier))
		})
		all = append(all, *one)
	}
	slices.SortFunc(all, func(a, b BlockedCaller) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), strings.Compare(a.Caller, b.Caller))
	})
	return all, nil
}

func (c *BlockedCaller) add(b *BlockedCall) {
	c.Calls++
	if b.Time.Before(c.First) {
		c.First = b.Time
	}
	if !b.Time.Before(c.Last) {
		c.Last, c.Own = b.Time, b.Own
	}
	if b.Account != "" && !slices.Contains(c.Accounts, b.Account) {
		c.Accounts = append(c.Accounts, b.Account)
	}
	i := slices.IndexFunc(c.Carriers, func(one BlockedCarrier) bool { return one.Carrier == b.Carrier })
	if i < 0 {
		i = len(c.Carriers)
		c.Carriers = append(c.Carriers, BlockedCarrier{Carrier: b.Carrier})
	}
	one := &c.Carriers[i]
	if one.Calls++; one.Calls == 1 || !b.Time.Before(one.Last.Time) {
		one.Last = *b
	}
}

// eachBlock hands each line of a file to do; a torn one is passed over, and a
// file that is not there has none.
func eachBlock(file string, do func(*BlockedCall)) error {
	err := eachLine(file, func(line []byte) bool {
		var b BlockedCall
		if json.Unmarshal(line, &b) == nil && b.ID != "" {
			do(&b)
		}
		return true
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return err
}
