package sidecar

import (
	"os"
	"runtime"
	"runtime/debug"
)

// rarely is how far the heap grows, in per cent, before garbage is collected
// while work goes on beside calls.
const rarely = 400

// inBackground does work on a thread that gives way to all others, and returns
// when it is done: calls go on as if it were not there.
//
// Go gives a goroutine up to 10 ms before another one has its turn, whatever the
// priority of its thread, and marks garbage in the same way. Two more processors
// than the machine has, for the work and for its garbage, leave those of the
// machine to calls and let the kernel choose by priority; fewer collections make
// calls help with them less often. Neither helps enough without the other.
func inBackground(work func()) {
	before := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(before + 2)
	percent := debug.SetGCPercent(rarely)
	defer func() {
		debug.SetGCPercent(percent)
		if os.Getenv("GOMAXPROCS") != "" {
			runtime.GOMAXPROCS(before)
		} else {
			runtime.SetDefaultGOMAXPROCS() // follows the limits of a container again
		}
	}()
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Never unlocked: the thread ends with the goroutine, for its priority could not be raised again.
		runtime.LockOSThread()
		giveWay()
		work()
	}()
	<-done
}
