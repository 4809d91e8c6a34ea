package kamailio

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"ringfence/rules"
)

// tally is what became of the outcomes of one batch.
type tally struct {
	Counted   uint64 `json:"counted"`
	Unknown   uint64 `json:"unknown"`
	Duplicate uint64 `json:"duplicate"`
	Ignored   uint64 `json:"ignored"`
	Malformed uint64 `json:"malformed"`

	first error // why the first malformed one is
	where int   // its place in the batch, from 1
}

// outcomes answers a batch of outcomes. A malformed one does not spoil the
// others.
func (h *Handler) outcomes(ctx *fasthttp.RequestCtx) {
	var t tally
	at := h.options.Now()
	if equalFold(mediaType(ctx.Request.Header.ContentType()), applicationJSON) {
		var batch []json.RawMessage
		if err := json.Unmarshal(ctx.PostBody(), &batch); err != nil {
			h.counters.Refused.Add(1)
			fail(ctx, fasthttp.StatusBadRequest, "not a JSON array of outcomes: "+err.Error())
			return
		}
		for i, one := range batch {
			var q outcomeRequest
			o := rules.Outcome{At: at}
			err := errNoObject
			if json.Unmarshal(one, &q) == nil {
				err = q.outcome(&o)
			}
			h.observe(&t, &o, err, i+1)
		}
	} else {
		rest, where := string(ctx.PostBody()), 0
		for rest != "" {
			var line string
			line, rest, _ = strings.Cut(rest, "\n")
			where++
			if line = strings.TrimSuffix(line, "\r"); line == "" {
				continue
			}
			o := rules.Outcome{At: at}
			err := parseOutcome(line, &o)
			h.observe(&t, &o, err, where)
		}
	}
	h.tallied(&t)
	if acceptsJSON(ctx) {
		ctx.SetContentType(applicationJSON)
		ctx.SetBody(appendValue(nil, t))
		return
	}
	ctx.SetContentType(textPlain)
	fmt.Fprintf(ctx, "counted %d unknown %d duplicate %d ignored %d malformed %d\n", t.Counted, t.Unknown, t.Duplicate, t.Ignored, t.Malformed)
}

// observe hands one outcome over, unless err says that it is none.
func (h *Handler) observe(t *tally, o *rules.Outcome, err error, where int) {
	if err != nil {
		if t.Malformed++; t.first == nil {
			t.first, t.where = err, where
		}
		return
	}
	defer func() {
		if cause := recover(); cause != nil {
			h.panicked("observe", cause)
			t.Ignored++
		}
	}()
	switch h.decider.Observe(o) {
	case rules.Counted:
		t.Counted++
	case rules.Unknown:
		t.Unknown++
	case rules.Duplicate:
		t.Duplicate++
	default:
		t.Ignored++
	}
}

// tallied counts a batch and logs that some of it is malformed.
func (h *Handler) tallied(t *tally) {
	c := &h.counters
	c.OutcomesCounted.Add(t.Counted)
	c.OutcomesUnknown.Add(t.Unknown)
	c.OutcomesDuplicate.Add(t.Duplicate)
	c.OutcomesIgnored.Add(t.Ignored)
	c.OutcomesMalformed.Add(t.Malformed)
	if t.first != nil {
		h.options.Logger.Warn("malformed outcomes were left out", "count", t.Malformed, "first", t.where, "err", t.first)
	}
}

// parseOutcome reads one line:
//
//	ID CODE UPSTREAM RANG RING TALK ENDED BY PHRASE [TAB REASON [TAB CARD]]
func parseOutcome(line string, o *rules.Outcome) error {
	var f [8]string
	for i := range f {
		var ok bool
		if f[i], line, ok = strings.Cut(line, " "); !ok && i < len(f)-1 {
			return errFewFields
		}
	}
	phrase, reason, _ := strings.Cut(line, "\t")
	reason, card, _ := strings.Cut(reason, "\t")
	q := outcomeRequest{ID: f[0], Upstream: dash(f[2]), By: dash(f[7]), Phrase: dash(phrase), Reason: dash(reason), Card: dash(card)}
	var err error
	if q.Code, err = strconv.Atoi(f[1]); err != nil {
		return errBadCode
	}
	if q.Rang, err = yesNo(f[3]); err != nil {
		return fmt.Errorf("rang %w", err)
	}
	if q.Ring, err = milliseconds(f[4]); err != nil {
		return fmt.Errorf("ring time %w", err)
	}
	if q.Talk, err = milliseconds(f[5]); err != nil {
		return fmt.Errorf("talk time %w", err)
	}
	if q.Ended, err = yesNo(f[6]); err != nil {
		return fmt.Errorf("ended %w", err)
	}
	return q.outcome(o)
}

// outcomeRequest is an outcome as JSON.
type outcomeRequest struct {
	ID       string `json:"id"`
	Code     int    `json:"code"`
	Upstream string `json:"upstream"` // IP address or trunk name
	Rang     bool   `json:"rang"`
	Ring     int64  `json:"ring_ms"`
	Talk     int64  `json:"talk_ms"`
	Ended    bool   `json:"ended"`
	By       string `json:"by"` // caller, callee or empty
	Phrase   string `json:"phrase"`
	Reason   string `json:"reason"` // value of the Reason header of the final answer
	Card     string `json:"card"`   // address in the Call-Info of a 608
}

// maxReason is how much of a Reason or a Call-Info is read, in bytes.
const maxReason = 2048

// What is wrong with an outcome, without its content: that can hold a number.
var (
	errNoObject  = errors.New("not an object with the fields of an outcome")
	errFewFields = errors.New("fewer than 8 fields")
	errBadID     = errors.New("the id is none of a decision")
	errBadCode   = errors.New("the code is not 100 to 699")
	errBadFlag   = errors.New("is not 0 or 1")
	errBadTime   = errors.New("is not milliseconds")
	errBadBy     = errors.New("who ended the call is not caller, callee or empty")
	errBadText   = errors.New("a control character in the phrase, upstream, reason or card")
)

// outcome fills o from q.
func (q *outcomeRequest) outcome(o *rules.Outcome) error {
	id, ok := rules.ParseID(q.ID)
	switch {
	case !ok:
		return errBadID
	case q.Code < 100 || q.Code > 699:
		return errBadCode
	case !isMilliseconds(q.Ring) || !isMilliseconds(q.Talk):
		return errBadTime
	case q.By != "" && q.By != "caller" && q.By != "callee":
		return errBadBy
	case !isText(q.Phrase) || !isText(q.Upstream) || !isText(q.Reason) || !isText(q.Card):
		return errBadText
	}
	o.ID, o.Code, o.Phrase, o.Rang, o.Ended, o.ByCaller = id, q.Code, q.Phrase, q.Rang, q.Ended, q.By == "caller"
	o.Reason = q.Reason[:min(len(q.Reason), maxReason)]
	if len(q.Card) <= maxReason {
		o.Card = q.Card
	}
	o.Ring, o.Talk = time.Duration(q.Ring)*time.Millisecond, time.Duration(q.Talk)*time.Millisecond
	if a, err := netip.ParseAddr(strings.Trim(q.Upstream, "[]")); err == nil {
		o.Upstream = a.Unmap().WithZone("")
	} else {
		o.Carrier = q.Upstream
	}
	return nil
}

// dash is the empty text where a line has "-" for it.
func dash(s string) string {
	if s == "-" {
		return ""
	}
	return s
}

// yesNo reads 0, 1 or "-" for 0.
func yesNo(s string) (bool, error) {
	if s != "0" && s != "1" && s != "-" {
		return false, errBadFlag
	}
	return s == "1", nil
}

// milliseconds reads a time, or "-" for 0.
func milliseconds(s string) (int64, error) {
	if s == "-" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || !isMilliseconds(n) {
		return 0, errBadTime
	}
	return n, nil
}

// isMilliseconds tells whether a time.Duration can hold n.
func isMilliseconds(n int64) bool {
	return n >= 0 && n <= math.MaxInt64/int64(time.Millisecond)
}
