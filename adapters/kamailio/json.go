package kamailio

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/valyala/fasthttp"

	"ringfence/rules"
)

// callRequest is a JSON request about a call.
type callRequest struct {
	Source     text `json:"src"`
	Port       text `json:"port"`
	RequestURI text `json:"ruri"`
	Account    text `json:"account"`
	Trunk      text `json:"trunk"`
	Upstream   text `json:"upstream"`

	CallID    text             `json:"call_id"`
	FromTag   text             `json:"from_tag"`
	CSeq      text             `json:"cseq"`
	From      text             `json:"from"`
	To        text             `json:"to"`
	Asserted  texts            `json:"pai"`
	Remote    text             `json:"rpid"`
	Privacy   text             `json:"privacy"`
	Diversion text             `json:"diversion"`
	Identity  texts            `json:"identity"`
	UserAgent text             `json:"user_agent"`
	Priority  text             `json:"priority"`
	Headers   map[string]texts `json:"headers"`
}

// text is a JSON string, or a number as it is written.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(b []byte) error {
	switch {
	case b[0] == '"':
		return json.Unmarshal(b, (*string)(t))
	case b[0] == '-' || '0' <= b[0] && b[0] <= '9':
		*t = text(b)
		return nil
	case string(b) == "null":
		return nil
	}
	return errors.New("a string or a number is wanted")
}

// texts is one text or an array of them.
type texts []text

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(b []byte) error {
	if b[0] == '[' {
		return json.Unmarshal(b, (*[]text)(t))
	}
	*t = texts{""}
	return json.Unmarshal(b, &(*t)[0])
}

// readJSON fills x.call from a JSON object.
func (x *exchange) readJSON(body []byte) error {
	x.params.text = string(x.scratch)
	var q callRequest
	if err := json.Unmarshal(body, &q); err != nil {
		return errors.New("not a JSON request about a call: " + err.Error())
	}
	b := append(x.scratch[:0], firstLine...)
	for _, f := range fields {
		for _, v := range q.values(f.key) {
			b = appendField(b, f.key, f.header, string(v))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(q.Headers)) {
		for _, v := range q.Headers[name] {
			b = appendField(b, "", name, string(v))
		}
	}
	x.scratch = append(b, "\r\n"...)
	r := x.params.routing()
	r.source = cmp.Or(r.source, string(q.Source))
	r.port = cmp.Or(r.port, string(q.Port))
	r.requestURI = cmp.Or(r.requestURI, string(q.RequestURI))
	r.account = cmp.Or(r.account, string(q.Account))
	r.trunk = cmp.Or(r.trunk, string(q.Trunk))
	r.upstream = cmp.Or(r.upstream, string(q.Upstream))
	return x.readFields(&r, string(q.FromTag))
}

// values are what the request says for a key of fields.
func (q *callRequest) values(key string) texts {
	switch key {
	case "call_id":
		return texts{q.CallID}
	case "cseq":
		return texts{q.CSeq}
	case "from":
		return texts{q.From}
	case "to":
		return texts{q.To}
	case "pai":
		return q.Asserted
	case "rpid":
		return texts{q.Remote}
	case "privacy":
		return texts{q.Privacy}
	case "diversion":
		return texts{q.Diversion}
	case "identity":
		return q.Identity
	case "user_agent":
		return texts{q.UserAgent}
	case "priority":
		return texts{q.Priority}
	}
	return nil
}

// callAnswer is a JSON answer about a call. Its fields are the lines of the
// plain one.
type callAnswer struct {
	Version    int    `json:"version"`
	Action     string `json:"action"`
	Code       int    `json:"code"`
	Phrase     string `json:"phrase"`
	ID         string `json:"id"`
	Reason     string `json:"reason"`
	RetryAfter int64  `json:"retry_after"`
	Label      string `json:"label"`
	Withhold   bool   `json:"withhold"`
	Target     string `json:"target"`
}

// appendJSON appends the answer to a call as JSON, ended by a line break.
func appendJSON(dst []byte, v *rules.Verdict) []byte {
	a := callAnswer{Version: Version, Action: v.Action.String(), ID: v.ID.String(), Label: v.Label, Withhold: v.Withhold}
	switch v.Action {
	case rules.Block:
		a.Code, a.Phrase, a.Reason, a.RetryAfter = v.Code, v.Phrase, string(v.Reason), retryAfter(v)
	case rules.Divert:
		a.Target = v.Target
	}
	return appendValue(dst, a)
}

// appendValue appends v as JSON, ended by a line break.
func appendValue(dst []byte, v any) []byte {
	w := bytes.NewBuffer(dst)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("BUG: an answer that JSON can't hold: " + err.Error())
	}
	return w.Bytes()
}

// acceptsJSON tells whether the client asks for JSON.
func acceptsJSON(ctx *fasthttp.RequestCtx) bool {
	accept := ctx.Request.Header.Peek(fasthttp.HeaderAccept)
	return len(accept) > 0 && equalFold(mediaType(accept), applicationJSON)
}
