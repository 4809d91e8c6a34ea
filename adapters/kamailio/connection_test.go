package kamailio

import (
	"net"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// timedConn notes the deadlines that it is given.
type timedConn struct {
	net.Conn
	read, write time.Time
	moves       int
}

func (c *timedConn) Read([]byte) (int, error)    { return 0, nil }
func (c *timedConn) Write(b []byte) (int, error) { return len(b), nil }

func (c *timedConn) SetReadDeadline(t time.Time) error {
	c.read = t
	c.moves++
	return nil
}

func (c *timedConn) SetWriteDeadline(t time.Time) error {
	c.write = t
	c.moves++
	return nil
}

// TestDeadlines holds that a read and a write have the deadline last asked for,
// never an earlier one, and never one much later.
func TestDeadlines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		under := &timedConn{}
		c := &connection{Conn: under}
		var read, write time.Time // as asked for
		now := testTime
		wish := func() time.Time {
			if rapid.IntRange(0, 9).Draw(t, "none") == 0 {
				return time.Time{}
			}
			return now.Add(rapid.SampledFrom([]time.Duration{-time.Second, drainPause, DefaultReadTimeout, DefaultIdleTimeout}).Draw(t, "in"))
		}
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(lateness)).Draw(t, "pass")))
			var err error
			switch rapid.SampledFrom([]string{"read", "write", "both", "Read", "Write"}).Draw(t, "step") {
			case "read":
				read = wish()
				err = c.SetReadDeadline(read)
			case "write":
				write = wish()
				err = c.SetWriteDeadline(write)
			case "both":
				read = wish()
				write = read
				err = c.SetDeadline(read)
			case "Read":
				_, err = c.Read(nil)
				checkDeadline(t, under.read, read)
			case "Write":
				_, err = c.Write(nil)
				checkDeadline(t, under.write, write)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

func checkDeadline(t *rapid.T, got, asked time.Time) {
	late := got.Sub(asked)
	if got.IsZero() != asked.IsZero() || late < 0 || late > lateness {
		t.Fatalf("the deadline is %v, %v was asked for", got, asked)
	}
}

// TestDeadlinesMoveSeldom plays ten seconds of a busy connection, a request a
// millisecond that arrives in one piece.
func TestDeadlinesMoveSeldom(t *testing.T) {
	under := &timedConn{}
	c := &connection{Conn: under}
	const span = 10 * time.Second
	for now := testTime; now.Before(testTime.Add(span)); now = now.Add(time.Millisecond) {
		for _, err := range []error{
			c.SetReadDeadline(now.Add(DefaultIdleTimeout)),
			second(c.Read(nil)),
			c.SetReadDeadline(now.Add(DefaultReadTimeout)),
			c.SetWriteDeadline(now.Add(DefaultWriteTimeout)),
			second(c.Write(nil)),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if most := int(2 * (span/lateness + 1)); under.moves > most {
		t.Errorf("%d moves, want at most %d", under.moves, most)
	}
}

func second(_ int, err error) error { return err }
