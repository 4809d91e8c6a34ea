package esl

import (
	"context"
	"crypto/rand"
)

const backgroundJob = "BACKGROUND_JOB"

// BgAPI runs an api command ("originate …") beside the connection, on which
// others are answered meanwhile, and waits for the event that holds its result:
// the body, of which a refusal is also the error, as a *ReplyError. Each call
// subscribes to that event; a filter of the connection must let it pass. The
// results of those who did not wait for them come out of ReadEvent.
func (c *Conn) BgAPI(ctx context.Context, command string) (*Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	job, results := rand.Text(), make(chan *Event, 1)
	if err := c.addJob(job, results); err != nil {
		return nil, err
	}
	defer c.removeJob(job)

	replies := make(chan *Event, 2)
	err := c.submit(2, func(e *Event) { replies <- e }, func(dst []byte) ([]byte, error) {
		b, err := AppendCommand(dst, "event json "+backgroundJob)
		if err == nil {
			b, err = AppendCommand(b, "bgapi "+command, Header{"Job-UUID", job})
		}
		if err != nil {
			return dst, err
		}
		return b, nil
	})
	if err != nil {
		return nil, err
	}
	for range cap(replies) {
		e, err := c.await(ctx, replies)
		if err == nil {
			err = e.Reply()
		}
		if err != nil {
			return e, err
		}
	}
	e, err := c.await(ctx, results)
	if err != nil {
		return nil, err
	}
	return e, e.Reply()
}

func (c *Conn) addJob(job string, results chan *Event) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.jobs) == c.options.Outstanding {
		return ErrBusy
	}
	c.jobs[job] = results
	return nil
}

func (c *Conn) removeJob(job string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.jobs, job)
}

// endJob gives e to who waits for it as the result of a job, if anybody does.
func (c *Conn) endJob(e *Event) bool {
	if e.Name() != backgroundJob {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	job := e.Get("Job-UUID")
	results, ok := c.jobs[job]
	if ok {
		delete(c.jobs, job)
		results <- e
	}
	return ok
}
