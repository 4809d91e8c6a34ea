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

// Question is a call as POST /kamailio/call takes it (docs/http.md).
type Question struct {
	Query url.Values // what the switch alone knows
	Form  url.Values // the call, when there is no message
	SIP   []byte     // the request as it was received
}

// Explain tells what the daemon that c configures would decide about a call,
// and how it would come to it. The call is read by the same code. What was
// learned, what calls did, what carriers and users said and what was changed live
// is taken from the state folder, as it was last saved there; nothing is recorded.
func (c *Config) Explain(q Question, at time.Time) (*rules.Explanation, error) {
	rs, err := c.Compile()
	if err != nil {
		return nil, err
	}
	engine, err := rules.NewEngine(rules.Options{Pending: 1, LearnedMax: c.LearnedMax, LiveMax: c.LiveMax, StateBytes: c.Memory, Seed: seedOf(c.State)})
	if err != nil {
		return nil, err
	}
	defer engine.Close()
	if c.State != "" {
		if err := c.recall(engine, at); err != nil {
			return nil, err
		}
	}
	engine.Swap(rs)
	x := &explainer{engine: engine}
	h := kamailio.NewHandler(x, kamailio.Options{Now: func() time.Time { return at }, BodyLimit: c.MaxBody})
	var request fasthttp.RequestCtx
	request.Request.Header.SetMethod(fasthttp.MethodPost)
	request.Request.SetRequestURI("/kamailio/call?" + q.Query.Encode())
	if q.SIP != nil {
		request.Request.Header.SetContentType("application/sip")
		request.Request.SetBody(q.SIP)
	} else {
		request.Request.Header.SetContentType("application/x-www-form-urlencoded")
		request.Request.SetBodyString(q.Form.Encode())
	}
	h.Handle(&request)
	if x.explanation == nil {
		return nil, fmt.Errorf("the call: %s", strings.TrimPrefix(strings.TrimSpace(string(request.Response.Body())), "ringfence: "))
	}
	return x.explanation, nil
}

// recall brings back what the state folder holds, and leaves it as it is.
func (c *Config) recall(engine *rules.Engine, at time.Time) error {
	learned, err := readLearned(filepath.Join(c.State, learnedName))
	if err != nil {
		return fmt.Errorf("learned lists: %w", err)
	}
	engine.Learned().Restore(learned, at)
	if _, _, _, err := readLive(filepath.Join(c.State, liveName), engine.Live(), at); err != nil {
		return fmt.Errorf("live lists: %w", err)
	}
	if err := restoreBlocks(blocksConfig(c.State), engine, at); err != nil {
		return fmt.Errorf("upstream blocks: %w", err)
	}
	reports, _, err := livingReports(filepath.Join(c.State, reportsName), at)
	if err != nil {
		return fmt.Errorf("user reports: %w", err)
	}
	for _, r := range reports {
		engine.RestoreReport(r, at)
	}
	recallState(c.State, engine.State(), at)
	guarded, _ := readGuards(filepath.Join(c.State, guardedName)) // which begins anew, too, without it
	engine.RestoreGuarded(guarded)
	kept, _ := readHealth(filepath.Join(c.State, healthName)) // likewise
	for _, s := range kept.Slowed {
		engine.Slow(s, at)
	}
	return nil
}

// explainer explains what it is asked to decide.
type explainer struct {
	engine      *rules.Engine
	explanation *rules.Explanation
}

func (x *explainer) Decide(c *rules.Call, _ *rules.Verdict) { x.explanation = x.engine.Explain(c) }

func (x *explainer) Observe(*rules.Outcome) rules.Observed { return rules.Ignored }

func (x *explainer) Running([]rules.ID, time.Time) int { return 0 }
