package supervisor

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// socket is where the child tells how it is. It is an abstract one: a container
// may have no folder to write to. Anybody on the machine could write to it, so
// that each message comes with the process that sent it, from the kernel.
type socket struct {
	fd      int
	address string // as NOTIFY_SOCKET has it
	message [1024]byte
	control [128]byte
}

// batch is the most messages that one look reads; who floods the socket stops
// nothing else.
const batch = 128

func listen() (*socket, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("socket for beats: %w", err)
	}
	s := &socket{fd: fd}
	if err := s.bind(); err != nil {
		s.close()
		return nil, fmt.Errorf("socket for beats: %w", err)
	}
	return s, nil
}

// bind takes a free abstract address (unix(7), autobind).
func (s *socket) bind() error {
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		return err
	}
	if err := unix.Bind(s.fd, &unix.SockaddrUnix{}); err != nil {
		return err
	}
	bound, err := unix.Getsockname(s.fd)
	if err != nil {
		return err
	}
	s.address = bound.(*unix.SockaddrUnix).Name
	return nil
}

// drain gives the messages that have come, each with its sender, to hear. It
// waits for none.
func (s *socket) drain(hear func(pid int, message string)) {
	for range batch {
		n, control, _, _, err := unix.Recvmsg(s.fd, s.message[:], s.control[:], unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return // nothing more has come
		}
		if pid, ok := sender(s.control[:control]); ok {
			hear(pid, string(s.message[:n]))
		}
	}
}

// sender is the process that the kernel says has sent a message. File
// descriptors that came with it are closed.
func sender(control []byte) (pid int, ok bool) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return 0, false
	}
	for i := range messages {
		if c, err := unix.ParseUnixCredentials(&messages[i]); err == nil {
			pid, ok = int(c.Pid), true
		}
		if rights, err := unix.ParseUnixRights(&messages[i]); err == nil {
			for _, fd := range rights {
				_ = unix.Close(fd)
			}
		}
	}
	return pid, ok
}

func (s *socket) close() { _ = unix.Close(s.fd) }
