package esl

import (
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// spare is a file descriptor that is held to be given up when none is free any
// more: for as long as it takes to accept and close what waits.
type spare int

const noSpare spare = -1

func newSpare() spare {
	fd, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return noSpare // there will be one after the next release
	}
	return spare(fd)
}

func (s *spare) close() {
	if *s != noSpare {
		_ = unix.Close(int(*s)) // nothing was written
		*s = noSpare
	}
}

// maxRelease bounds one release; an accept comes between two.
const maxRelease = 4096

// release closes the connections that wait for an accept by l, and tells how many.
func (s *spare) release(l net.Listener) (closed uint64) {
	c, ok := l.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	s.close()
	_ = raw.Control(func(fd uintptr) { // its error: l is closed
		for range maxRelease {
			n, _, err := unix.Accept(int(fd)) // which does not wait: the net package sets it so
			switch err {
			case nil:
				_ = unix.Close(n)
				closed++
			case unix.EINTR, unix.ECONNABORTED:
			default:
				return
			}
		}
	})
	*s = newSpare()
	return closed
}
