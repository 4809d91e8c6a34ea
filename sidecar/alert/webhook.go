package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"
)

// Webhook is who is told by HTTP.
type Webhook struct {
	URL    string
	Secret func() (string, error) // that requests are signed with, asked for each
}

// Bounds of the webhook.
const (
	webhookQueue = 256 // messages that wait to be sent
	answerTime   = 10 * time.Second
	firstPause   = time.Second // after the first attempt, then twice as long each time,
	longestPause = time.Minute // up to this
	longestAsked = 5 * time.Minute
	attempts     = 15 // of one message, about ten minutes in all
)

// sender sends messages in their order, each until it is taken, refused, or
// given up.
type sender struct {
	config *atomic.Pointer[Config]
	log    *slog.Logger
	now    func() time.Time
	agent  string
	client http.Client
	pause  func(time.Duration) // between attempts, not after the stop

	queue   chan Message
	dropped atomic.Uint64
	results [len(resultNames)]atomic.Uint64
	failing bool // as the log has said

	ctx    context.Context // of requests
	cancel context.CancelFunc
	stop   chan struct{}
	done   chan struct{}
}

// result is what became of a request.
type result int

const (
	taken   result = iota
	failed         // and is tried again
	refused        // so that trying again is no use
	givenUp
)

var resultNames = [...]string{"ok", "failed", "refused", "given-up"}

func newSender(config *atomic.Pointer[Config], o Options) *sender {
	s := &sender{config: config, log: o.Log, now: o.Now, agent: o.Agent, queue: make(chan Message, webhookQueue), stop: make(chan struct{}), done: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.pause = s.wait
	s.client = http.Client{
		Timeout:       answerTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSHandshakeTimeout:    5 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
			IdleConnTimeout:        time.Minute,
			ForceAttemptHTTP2:      true,
		},
	}
	return s
}

func (s *sender) start() { go s.run() }

// add never waits.
func (s *sender) add(m Message) {
	select {
	case s.queue <- m:
	default:
		s.dropped.Add(1)
	}
}

// close sends what waits, without pauses, until ctx ends. Nothing may be added
// any more.
func (s *sender) close(ctx context.Context) {
	close(s.stop)
	close(s.queue)
	end := context.AfterFunc(ctx, s.cancel)
	<-s.done
	end()
	s.cancel()
	s.client.CloseIdleConnections()
}

func (s *sender) run() {
	defer close(s.done)
	lost := 0
	for m := range s.queue {
		if s.ctx.Err() != nil || !s.send(m) && s.stopping() {
			lost++
		}
	}
	if lost > 0 {
		s.log.Error("webhook: the last alerts are lost", "alerts", lost)
	}
}

func (s *sender) stopping() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// wait ends early when the sender is stopped.
func (s *sender) wait(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.stop:
	}
}

// send tells whether a message was taken in the end.
func (s *sender) send(m Message) bool {
	body, err := json.Marshal(m)
	if err != nil { // only of figures that are none
		s.results[refused].Add(1)
		s.log.Error("webhook: an alert cannot be written", "key", m.Kind, "err", err)
		return false
	}
	pause := firstPause
	for attempt := 1; ; attempt++ {
		last := s.stopping() || attempt == attempts
		became, asked, err := s.post(body)
		if became == failed && last {
			became = givenUp
		}
		s.results[became].Add(1)
		s.tell(became, m, err)
		if became != failed {
			return became == taken
		}
		s.pause(max(pause, min(asked, longestAsked)))
		pause = min(2*pause, longestPause)
	}
}

// post makes one request. Who was asked may say how long not to ask again.
func (s *sender) post(body []byte) (became result, asked time.Duration, err error) {
	hook := s.config.Load().Webhook
	if hook == nil {
		return refused, 0, errors.New("the webhook was taken out of the configuration")
	}
	secret, err := hook.Secret()
	if err != nil {
		return failed, 0, err
	}
	request, err := http.NewRequestWithContext(s.ctx, http.MethodPost, hook.URL, bytes.NewReader(body))
	if err != nil {
		return refused, 0, errors.New("its address cannot be read")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", s.agent)
	request.Header.Set(SignatureHeader, Sign(secret, s.now(), body))
	answer, err := s.client.Do(request)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the address, which may hold a secret
		}
		return failed, 0, fmt.Errorf("%s: %w", request.URL.Host, err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 4<<10)) // so that the connection can be used again
	switch code := answer.StatusCode; {
	case code >= 200 && code <= 299:
		return taken, 0, nil
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500:
		seconds, _ := strconv.ParseUint(answer.Header.Get("Retry-After"), 10, 16)
		return failed, time.Duration(seconds) * time.Second, fmt.Errorf("%s answers %s", request.URL.Host, answer.Status)
	case code >= 300 && code <= 399:
		return refused, 0, fmt.Errorf("%s answers %s, and redirects are not followed (name the address that it leads to)", request.URL.Host, answer.Status)
	}
	return refused, 0, fmt.Errorf("%s answers %s", request.URL.Host, answer.Status)
}

// tell tells of the first failure of a row, of its end, and of each alert that
// is not delivered.
func (s *sender) tell(became result, m Message, err error) {
	switch {
	case became == taken && s.failing:
		s.log.Info("webhook: alerts are taken again")
	case became == failed && !s.failing:
		s.log.Error("webhook: an alert was not taken, will try again", "kind", m.Kind, "err", err)
	case became == refused, became == givenUp:
		s.log.Error("webhook: an alert is lost", "kind", m.Kind, "state", m.State, "err", err)
	}
	s.failing = became != taken
}

// WebhookStats count what a webhook has done.
type WebhookStats struct {
	Queue   int               // messages that wait to be sent
	Dropped uint64            // because that queue was full
	Results map[string]uint64 // requests: ok, failed, refused, given-up
}

func (s *sender) stats() WebhookStats {
	w := WebhookStats{Queue: len(s.queue), Dropped: s.dropped.Load(), Results: make(map[string]uint64)}
	for i := range s.results {
		w.Results[resultNames[i]] = s.results[i].Load()
	}
	return w
}
