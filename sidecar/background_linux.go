package sidecar

import "golang.org/x/sys/unix"

// lowest is the lowest priority that a thread can have (setpriority(2)).
const lowest = 19

// giveWay makes this thread give way to all others.
func giveWay() {
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), lowest) // where it is refused, calls notice the work
}
