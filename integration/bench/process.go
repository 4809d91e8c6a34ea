package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func cores() int { return runtime.NumCPU() }

// ticks is USER_HZ, which Linux fixes at 100 for what /proc shows.
const ticks = 100

// processorTime is what process pid has used so far, user and system, from
// /proc/PID/stat (fields 14 and 15, proc(5)).
func processorTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %q has no processor time", pid, text)
	}
	var used time.Duration
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		used += time.Duration(n) * time.Second / ticks
	}
	return used, nil
}

// memoryOf is a field of /proc/PID/status in bytes: VmRSS is what process pid has
// in memory, VmHWM the most that it had.
func memoryOf(pid int, field string) (uint64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			kb, err := strconv.ParseUint(strings.Fields(rest)[0], 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status says nothing of %s", pid, field)
}

// threadTime is the processor time in nanoseconds that work takes of its thread
// (CLOCK_THREAD_CPUTIME_ID, clock_gettime(2)).
func threadTime(work func()) float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var from, to unix.Timespec
	before := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &from)
	work()
	if err := errors.Join(before, unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &to)); err != nil {
		panic("BUG: Linux has this clock: " + err.Error())
	}
	return float64(to.Nano() - from.Nano())
}
