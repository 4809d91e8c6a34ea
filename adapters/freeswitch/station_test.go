package freeswitch

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"ringfence/adapters/esl/esltest"
	"ringfence/rules"
)

// desk is a Decider that blocks by the caller's number and remembers what it
// was asked and told.
type desk struct {
	mu       sync.Mutex
	calls    []rules.Call
	outcomes []rules.Outcome
	told     []rules.ID    // calls that run
	until    time.Time     // and when, at last
	hold     chan struct{} // not nil: no call is decided before it is closed
}

// The callers that a desk knows; all others are let pass.
const (
	spammer   = "+12155550199"
	unwelcome = "+12155550198"
	hasty     = "+12155550197"
	doubtful  = "+12155550196"
	hidden    = "+12155550195"
	elsewhere = "+12155550194"
	forger    = "+12155550193" // the verdict can't be written
	poison    = "+12155550192" // the desk panics
)

func (d *desk) Decide(c *rules.Call, v *rules.Verdict) {
	if d.hold != nil {
		<-d.hold
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	call := *c
	call.Headers = nil
	d.calls = append(d.calls, call)
	*v = rules.Verdict{ID: idOf(len(d.calls)), Reason: v.Reason[:0]}
	switch c.From.User {
	case spammer:
		v.Action, v.Why, v.Code, v.Phrase, v.Rule = rules.Block, rules.Analytics, 603, "Network Blocked", &rules.Rule{ID: "spam"}
		v.Reason = append(v.Reason, `SIP;cause=603;text="v=analytics1;url=https://redress.example.net/;id=`+v.ID.String()+`";location=RLN`...)
	case unwelcome:
		v.Action, v.Why, v.Code, v.Phrase = rules.Block, rules.Subscriber, 607, "Unwanted"
		v.Reason = append(v.Reason, `Q.850;cause=21;text="Call unwanted"`...)
	case hasty:
		v.Action, v.Why, v.Code, v.Phrase, v.Retry = rules.Block, rules.Pacing, 480, "Temporarily Unavailable", 30*time.Second
		v.Reason = append(v.Reason, `Q.850;cause=42;text="Too many calls"`...)
	case doubtful:
		v.Label = "Spam likely"
	case hidden:
		v.Withhold = true
	case elsewhere:
		v.Action, v.Target = rules.Divert, "sip:challenge@ivr.example.net"
	case forger:
		v.Action, v.Target = rules.Divert, "sip:a\x01@ivr.example.net"
	case poison:
		panic("poisoned by " + c.From.User)
	}
}

// idOf is the id of the nth decision.
func idOf(n int) rules.ID { return rules.ID([]byte(fmt.Sprintf("%020d", n))) }

func (d *desk) Observe(o *rules.Outcome) rules.Observed {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.outcomes = append(d.outcomes, *o)
	return rules.Counted
}

func (d *desk) Running(ids []rules.ID, at time.Time) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told, d.until = append(d.told, ids...), at
	return len(ids)
}

// running are the calls that were told of as running since the last time.
func (d *desk) running() []rules.ID {
	d.mu.Lock()
	defer d.mu.Unlock()
	told := d.told
	d.told = nil
	return told
}

// observed are the outcomes since the last time.
func (d *desk) observed() []rules.Outcome {
	d.mu.Lock()
	defer d.mu.Unlock()
	outcomes := d.outcomes
	d.outcomes = nil
	return outcomes
}

// decided is how many calls were.
func (d *desk) decided() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.calls)
}

// station is a FreeSWITCH that a test plays in a bubble of synctest, with the
// Switch that reads its events.
type station struct {
	*testing.T
	*Switch
	desk *desk
	log  lockedLog

	mu       sync.Mutex
	script   esltest.Script // of each connection; nil: refused
	peer     *esltest.Peer  // of the connection that is subscribed
	channels string         // what show channels tells
	clock    time.Duration  // of the switch, ahead of ours
	slow     time.Duration  // how long it takes to tell its clock
	answers  map[string]string
	commands []string // all that came after the subscription
	dials    []time.Time

	writes atomic.Int64
	played sync.WaitGroup
	end    context.CancelFunc
}

// lockedLog is a log that is read while it is written.
type lockedLog struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const password = "ClueCon"

// newStation has nobody connect yet.
func newStation(t *testing.T, o SwitchOptions) *station {
	t.Helper()
	s := &station{T: t, desk: new(desk), channels: `{"row_count":0}`, answers: map[string]string{}}
	s.script = esltest.Serve(password, s.answer)
	o.Name, o.Address, o.Dial = "fs1", "192.0.2.1:8021", s.dial
	o.Password = func() (string, error) { return password, nil }
	o.Logger = slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	s.Switch = NewSwitch(s.desk, o)
	return s
}

// start has the Switch run until the bubble ends.
func (s *station) start() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { s.Switch.Run(ctx); close(done) }()
	s.end = func() { cancel(); <-done; s.played.Wait() }
	synctest.Wait()
}

// ready starts it and waits until nothing is left to be looked through.
func (s *station) ready() {
	s.Helper()
	s.start()
	time.Sleep(resyncAgain + time.Millisecond)
	synctest.Wait()
	if got := s.Status(); got.State != Ready {
		s.Fatalf("state %s (%s), want ready\n%s", got.State, got.Error, s.log.String())
	}
	s.told()
}

func (s *station) dial(context.Context, string, string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dials = append(s.dials, time.Now())
	script := s.script
	if script == nil {
		return nil, syscall.ECONNREFUSED
	}
	client, server := net.Pipe()
	s.played.Go(func() {
		if err := script.Play(context.Background(), server); err != nil {
			s.Error(err)
		}
	})
	return &countedConn{client, &s.writes}, nil
}

// countedConn counts writes.
type countedConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c *countedConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

// play changes what the next connections are played by.
func (s *station) play(script esltest.Script) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = script
}

// answer answers one command.
func (s *station) answer(p *esltest.Peer, c esltest.Command) error {
	s.mu.Lock()
	api, isAPI := strings.CutPrefix(c.Line, "api ")
	answer, known := s.answers[api]
	switch {
	case strings.HasPrefix(c.Line, "event "):
		s.peer = p
	case api == "show channels as json":
		answer, known = s.channels, true
	case c.Line == clockCommand && !known:
		half := s.slow / 2
		s.mu.Unlock()
		time.Sleep(half)
		s.mu.Lock()
		shown := s.stamp()
		s.mu.Unlock()
		time.Sleep(half)
		return p.API(shown)
	}
	if s.peer != nil && !strings.HasPrefix(c.Line, "event ") && c.Line != clockCommand {
		s.commands = append(s.commands, c.Line)
	}
	s.mu.Unlock()
	if isAPI && known {
		return p.API(answer)
	}
	return esltest.Answer(p, c)
}

// stamp is what the switch's clock shows. The lock is held.
func (s *station) stamp() string { return strconv.FormatInt(time.Now().Add(s.clock).UnixMicro(), 10) }

// stamped is e as sent now.
func (s *station) stamped(e esltest.Event) esltest.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return e.With("Event-Date-Timestamp", s.stamp())
}

// setClock steps the switch's clock, which it takes so long to tell.
func (s *station) setClock(ahead, slow time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock, s.slow = ahead, slow
}

// told are the commands since the last time.
func (s *station) told() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	commands := s.commands
	s.commands = nil
	return commands
}

// send sends events, and waits until all that follows from them is done.
func (s *station) send(events ...esltest.Event) {
	s.Helper()
	s.mu.Lock()
	p := s.peer
	s.mu.Unlock()
	for _, e := range events {
		if _, err := p.Write(e.JSON()); err != nil {
			s.Fatal(err)
		}
	}
	synctest.Wait()
}

// hangUp has the switch end its connection, and refuse others.
func (s *station) hangUp(notice string) {
	s.Helper()
	s.mu.Lock()
	p := s.peer
	s.peer, s.script = nil, nil
	s.mu.Unlock()
	if err := p.Disconnect(notice); err != nil {
		s.Fatal(err)
	}
	synctest.Wait()
}

// recordedEvent is one of a real switch.
func recordedEvent(t testing.TB, session, name string) esltest.Event {
	t.Helper()
	s, err := esltest.Load(session)
	if err != nil {
		t.Fatal(err)
	}
	events, err := s.Events()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Get("Event-Name") == name {
			return e
		}
	}
	t.Fatalf("%s has no %s", session, name)
	return nil
}

const parkSession = "52-parse-all-invite-headers-call-park-reject-json"

// channelOf is a call of the caller's number by the recorded one, that waits.
func channelOf(t testing.TB, channel, caller string) esltest.Event {
	return recordedEvent(t, parkSession, "CHANNEL_PARK").
		With("Unique-ID", channel).
		With("Event-Date-Timestamp", strconv.FormatInt(time.Now().UnixMicro(), 10)).
		With("variable_sip_call_id", channel).
		With("variable_sip_from_user", caller).
		With("variable_sip_full_from", "<sip:"+caller+"@example.net>;tag=1").
		With("variable_ringfence_verdict", "none")
}

// parkOf and checkOf are the events by which a call announces itself.
func parkOf(t testing.TB, channel, caller string) esltest.Event { return channelOf(t, channel, caller) }

func checkOf(t testing.TB, channel, caller string) esltest.Event {
	return channelOf(t, channel, caller).With("Event-Name", "CUSTOM").With("Event-Subclass", checkEvent)
}

// toldOf is the event that tells of a call that was let pass.
func toldOf(t testing.TB, name, channel string, id rules.ID) esltest.Event {
	return recordedEvent(t, "06-call-answered-json", name).
		With("Unique-ID", channel).
		With("variable_ringfence_verdict", "allow").
		With("variable_ringfence_id", id.String())
}

// bodyOf is what uuid_dump tells of a channel.
func bodyOf(e esltest.Event) string {
	_, body, _ := strings.Cut(string(e.With("Event-Name", "CHANNEL_DATA").JSON()), "\n\n")
	return body
}

// row is a row of show channels.
func row(channel, application string) string {
	return fmt.Sprintf(`{"uuid":%q,"direction":"inbound","name":"sofia/internal/\"x\"","cid_name":"O'Neil, \\\"x\\\"","application":%q,"callstate":"RINGING"}`, channel, application)
}

func (s *station) shows(rows ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.channels = fmt.Sprintf(`{"row_count":%d,"rows":[%s]}`, len(rows), strings.Join(rows, ","))
}

func (s *station) answerTo(command, answer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[command] = answer
}

// expect fails unless the switch was told this, in any order.
func (s *station) expect(what string, want ...string) {
	s.Helper()
	got := s.told()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		s.Errorf("%s: the switch was told\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
