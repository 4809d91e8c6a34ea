package sidecar

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"ringfence/adapters/kamailio"
	"ringfence/rules"
)

// Explain tells what the daemon that c configures would decide about a call,
// and how it would come to it. The call is the form of POST /kamailio/call
// (docs/http.md) and is read by the same code. What was learned is taken from
// the state folder where it can be read; nothing is recorded.
func (c *Config) Explain(form url.Values, at time.Time) (*rules.Explanation, error) {
	rs, err := c.Compile()
	if err != nil {
		return nil, err
	}
	engine, err := rules.NewEngine(rules.Options{Pending: 1, LearnedMax: c.LearnedMax})
	if err != nil {
		return nil, err
	}
	defer engine.Close()
	if c.State != "" {
		learned, err := readLearned(filepath.Join(c.State, learnedName))
		if err != nil {
			return nil, fmt.Errorf("learned lists: %w", err)
		}
		engine.Learned().Restore(learned, at)
	}
	engine.Swap(rs)
	x := &explainer{engine: engine}
	h := kamailio.NewHandler(x, kamailio.Options{Now: func() time.Time { return at }, BodyLimit: c.MaxBody})
	var request fasthttp.RequestCtx
	request.Request.Header.SetMethod(fasthttp.MethodPost)
	request.Request.SetRequestURI("/kamailio/call")
	request.Request.Header.SetContentType("application/x-www-form-urlencoded")
	request.Request.SetBodyString(form.Encode())
	h.Handle(&request)
	if x.explanation == nil {
		return nil, fmt.Errorf("the call: %s", strings.TrimPrefix(strings.TrimSpace(string(request.Response.Body())), "ringfence: "))
	}
	return x.explanation, nil
}

// explainer explains what it is asked to decide.
type explainer struct {
	engine      *rules.Engine
	explanation *rules.Explanation
}

func (x *explainer) Decide(c *rules.Call, _ *rules.Verdict) { x.explanation = x.engine.Explain(c) }

func (x *explainer) Observe(*rules.Outcome) rules.Observed { return rules.Ignored }
