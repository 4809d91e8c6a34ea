package kamailio

import (
	"net"
	"time"

	"github.com/valyala/fasthttp"
)

// Server is a fasthttp server for a Handler. Its timeouts end up to lateness
// after their time.
type Server struct{ *fasthttp.Server }

// Serve answers the connections that l accepts until it is closed.
func (s *Server) Serve(l net.Listener) error { return s.Server.Serve(listener{l}) }

// listener accepts connections that move their deadlines seldom.
type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &connection{Conn: c}, nil
}

// lateness is how long after its time a deadline may fire.
const lateness = 50 * time.Millisecond

// connection moves a deadline only for a read or write that needs it moved. The
// server asks for three with each request: that of a whole request which has
// arrived at once is never needed, and those before and after it are but a
// little later than the last ones. Unlike that of another net.Conn, a deadline
// does not reach a Read or Write which has begun; the server sets none of those.
type connection struct {
	net.Conn
	read, write deadline
}

// deadline is when it was asked for and when it fires; zero: never.
type deadline struct{ wanted, set time.Time }

// moves tells whether the deadline must be set anew, and to d.set.
func (d *deadline) moves() bool {
	if late := d.set.Sub(d.wanted); 0 <= late && late <= lateness {
		return false
	}
	if d.set = d.wanted; !d.set.IsZero() {
		d.set = d.set.Add(lateness)
	}
	return true
}

func (c *connection) Read(b []byte) (int, error) {
	if c.read.moves() {
		if err := c.Conn.SetReadDeadline(c.read.set); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(b)
}

func (c *connection) Write(b []byte) (int, error) {
	if c.write.moves() {
		if err := c.Conn.SetWriteDeadline(c.write.set); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(b)
}

func (c *connection) SetReadDeadline(t time.Time) error {
	c.read.wanted = t
	return nil
}

func (c *connection) SetWriteDeadline(t time.Time) error {
	c.write.wanted = t
	return nil
}

func (c *connection) SetDeadline(t time.Time) error {
	c.read.wanted, c.write.wanted = t, t
	return nil
}
