package freeswitch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ringfence/adapters/esl"
	"ringfence/rules"
)

// When the calls of the switch are looked through.
const (
	resyncAgain = 2 * time.Second  // after the first time: what show channels tells is up to a second old
	resyncPause = 10 * time.Second // at least, from one time to the next that is asked for
)

// tellEvery is how often the engine is told which calls run. It takes them to be
// over when that stays away three times.
const tellEvery = 30 * time.Second

// keep looks after a connection until ctx ends: it looks through the calls that
// ran before it and those whose events were dropped, looks up those whose events
// came late, tells which calls run, and finds out when nobody is at the other end.
func (c *connection) keep(ctx context.Context) error {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	resync := time.NewTimer(0)
	defer resync.Stop()
	tell := time.NewTicker(tellEvery)
	defer tell.Stop()
	var last time.Time
	again, missed := true, false
	if err := c.ping(ctx); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ping.C:
			if err := c.ping(ctx); err != nil {
				return err
			}
		case <-tell.C:
			if err := c.tellRunning(ctx); err != nil {
				return fmt.Errorf("look whether calls run: %w", err)
			}
		case <-c.lagged:
			missed, again = true, true
			resync.Reset(max(time.Until(last.Add(resyncPause)), 0))
		case <-resync.C:
			if missed {
				missed = false
				c.options.Logger.Warn("events of the switch were dropped, its calls are looked through", "dropped", c.conn.Stats().Dropped)
			}
			if err := c.resync(ctx); err != nil {
				return fmt.Errorf("look through the calls: %w", err)
			}
			last = time.Now()
			if again {
				again = false
				resync.Reset(resyncAgain)
			}
			c.enter(Ready)
		case channel := <-c.late:
			if err := c.lookUp(ctx, channel); err != nil {
				return fmt.Errorf("look up a call: %w", err)
			}
		}
	}
}

// ping asks for any answer, which tells the switch's clock.
func (c *connection) ping(ctx context.Context) error {
	asked := c.options.Now()
	e, err := c.send(ctx, clockCommand)
	var refused *esl.ReplyError
	switch {
	case err == nil:
		c.clock.compare(e.Body(), asked, c.options.Now())
	case !errors.As(err, &refused):
		return fmt.Errorf("nobody at the other end: %w", err)
	}
	return nil
}

// resync looks through the calls of the switch: those that ended unseen are let
// go, those that were not known are taken account of, those that are parked and
// wait are decided.
func (c *connection) resync(ctx context.Context) error {
	epoch := c.epoch.Load()
	e, err := c.send(ctx, "api show channels as json")
	if err != nil {
		return err
	}
	channels, err := readChannels(e.Body())
	if err != nil {
		return err
	}
	present := make(map[string]bool, len(channels))
	var running, parked []string
	for i := range channels {
		ch := &channels[i]
		present[ch.UUID] = true
		switch {
		case ch.Direction != "inbound": // not of a caller
		case ch.Application == "park" && c.calls.claim(ch.UUID, epoch):
			parked = append(parked, ch.UUID)
		case ch.Application != "park" && c.calls.meet(ch.UUID, epoch):
			running = append(running, ch.UUID)
		}
	}
	if err := c.ask(ctx, "uuid_getvar", running, "ringfence_id", func(channel, id string) {
		if id, ok := rules.ParseID(id); ok {
			c.calls.confirm(channel, id, epoch)
			return
		}
		c.calls.forget(channel)
	}); err != nil {
		return err
	}
	var waiting []string
	if err := c.ask(ctx, "uuid_getvar", parked, "ringfence_verdict", func(channel, verdict string) {
		if verdict != unasked {
			c.calls.forget(channel)
			return
		}
		waiting = append(waiting, channel)
	}); err != nil {
		return err
	}
	for _, channel := range waiting {
		if err := c.lookUp(ctx, channel); err != nil {
			return err
		}
	}
	return c.ask(ctx, "uuid_exists", c.calls.missing(present, epoch), "", func(channel, exists string) {
		if exists == "false" {
			c.ended(channel)
		}
	})
}

// tellRunning tells which of the known calls run, as the switch says now. Each is
// looked up by its channel: a table of all channels is up to a second old, and calls
// that wait for their answers would wait for all of it to be made. One that
// is not there for the second time ended unseen, and how long it talked is not known;
// the first time its event may be on the way.
func (c *connection) tellRunning(ctx context.Context) error {
	calls := c.calls.known()
	ids := make([]rules.ID, 0, len(calls))
	absent := make(map[string]bool)
	err := c.ask(ctx, "uuid_exists", slices.Collect(maps.Keys(calls)), "", func(channel, exists string) {
		switch {
		case exists == "true":
			ids = append(ids, calls[channel])
		case exists == "false" && c.absent[channel]:
			if call, ok := c.calls.end(channel); ok {
				c.unseen(call.id, c.options.Now().Add(-tellEvery))
			}
		case exists == "false":
			absent[channel] = true
		}
	})
	c.absent = absent
	known := c.decider.Running(ids, c.options.Now())
	c.counters.RunningKnown.Add(uint64(known))
	c.counters.RunningUnknown.Add(uint64(len(ids) - known))
	return err
}

// channelRow is a row of show channels.
type channelRow struct {
	UUID        string `json:"uuid"`
	Direction   string `json:"direction"`
	Application string `json:"application"`
}

func readChannels(text string) ([]channelRow, error) {
	var table struct {
		Rows []channelRow `json:"rows"`
	}
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&table); err != nil {
		return nil, fmt.Errorf("show channels: %w", err)
	}
	return table.Rows, nil
}

// askAtOnce is how many commands wait for their answers together.
const askAtOnce = 100

// ask asks the same of many channels. Each gets its answer, a refusal too, as
// the switch wrote it.
func (c *connection) ask(ctx context.Context, command string, channels []string, argument string, answered func(channel, answer string)) error {
	for len(channels) > 0 {
		some := channels[:min(len(channels), askAtOnce)]
		channels = channels[len(some):]
		answers := make(chan string, len(some))
		var commands []byte
		for _, channel := range some {
			var err error
			line := "api " + command + " " + channel // which is all of it to this command
			if argument != "" {
				line = string(appendChannel([]byte("api "+command+" "), channel)) + " " + argument
			}
			if commands, err = esl.AppendCommand(commands, line); err != nil {
				return err
			}
		}
		if err := c.conn.Post(commands, len(some), func(e *esl.Event) { answers <- strings.TrimSpace(e.Body()) }); err != nil {
			return err
		}
		limit := time.NewTimer(commandTime)
		for _, channel := range some {
			select {
			case <-ctx.Done():
				limit.Stop()
				return context.Cause(ctx)
			case <-limit.C:
				return fmt.Errorf("no answer within %s", commandTime)
			case answer := <-answers:
				answered(channel, answer)
			}
		}
		limit.Stop()
	}
	return nil
}

// lookUps is how often a call is looked up, if what is told of it comes late as
// well. After that it goes on by itself.
const lookUps = 3

// lookUp decides the call of a channel that was claimed, if it still waits. It
// may go on between the switch's answer and ours, which is why ours follows at
// once.
func (c *connection) lookUp(ctx context.Context, channel string) error {
	defer c.guard("uuid_dump", c.options.Now())
	command := string(appendChannel([]byte("api uuid_dump "), channel)) + " json"
	for range lookUps {
		asked := c.options.Now()
		e, err := c.send(ctx, command)
		if err != nil {
			if isGone(err) {
				c.counters.GoneOn.Add(1)
				c.ended(channel)
				err = nil
			}
			return err
		}
		var call esl.Event
		if err := call.UnmarshalJSON([]byte(e.Body())); err != nil {
			return err
		}
		if id, ok := rules.ParseID(call.Get(idVariable)); ok {
			c.calls.confirm(channel, id, c.epoch.Load())
			return nil
		}
		mode, waits := waitMode(&call)
		if !waits {
			break
		}
		if now := c.options.Now(); now.Sub(asked) <= lateAfter {
			a := answers{connection: c}
			a.decide(&call, channel, mode, now)
			return nil
		}
	}
	c.counters.GoneOn.Add(1)
	c.calls.forget(channel)
	return nil
}

// waitMode tells whether a call that was looked up waits for an answer, and how.
func waitMode(ch Channel) (Mode, bool) {
	if get(ch, verdictVariable) != unasked {
		return 0, false
	}
	switch get(ch, "variable_current_application") {
	case "park":
		return Park, true
	case "sleep", "event":
		return Window, true
	}
	return 0, false
}

// ended lets go of a call whose end was not seen. One that was answered has
// talked at least until the switch was last heard of.
func (c *connection) ended(channel string) {
	call, ok := c.calls.end(channel)
	switch {
	case !ok || call.id == rules.ID{}:
	case call.answered.IsZero():
		c.unseen(call.id, time.Unix(0, c.before.Load()))
	default:
		talk := time.Unix(0, c.before.Load()).Sub(call.answered)
		o := rules.Outcome{At: c.options.Now(), ID: call.id, Code: 200, Ended: true, Talk: max(talk, 0)}
		c.counters.Outcomes[c.decider.Observe(&o)].Add(1)
	}
}

// unseen notes that a call has ended and that no outcome of it is known. That it
// went on until then is told, so that the engine does not wait for more: it ends
// by itself only calls of which it was told so.
func (c *connection) unseen(id rules.ID, until time.Time) {
	c.counters.Unseen.Add(1)
	c.decider.Running([]rules.ID{id}, until)
}
