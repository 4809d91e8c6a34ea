package sidecar

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// Work in the background has the lowest priority, what runs after it the usual
// one.
func TestInBackground(t *testing.T) {
	priority := func() int { // of this thread, as the system call has it: 20 less nice
		p, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	runtime.LockOSThread()
	usual := priority()
	runtime.UnlockOSThread()
	within := 0
	inBackground(func() { within = priority() })
	if want := 20 - lowest; within != want {
		t.Errorf("priority %d in the background, want %d", within, want)
	}
	for range 100 { // whatever threads there are
		done := make(chan int)
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			done <- priority()
		}()
		if p := <-done; p != usual {
			t.Fatalf("priority %d after it, want %d", p, usual)
		}
	}
}
