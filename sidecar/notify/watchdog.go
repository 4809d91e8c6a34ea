package notify

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

// Watchdog is how long the service manager waits for a beat of this process
// before it kills it, as sd_watchdog_enabled(3) finds it; zero: it does not.
func Watchdog() (time.Duration, error) {
	interval, process := os.Getenv(IntervalVariable), os.Getenv(ProcessVariable)
	if interval == "" {
		return 0, nil
	}
	if process != "" {
		pid, err := strconv.ParseInt(process, 10, 32)
		if err != nil || pid <= 0 {
			return 0, fmt.Errorf("%s: %q is no process (the service manager sets it: is it set elsewhere, too?)", ProcessVariable, process)
		}
		if int(pid) != os.Getpid() {
			return 0, nil // the beat of another process is waited for
		}
	}
	const most = 1 << 62 / int64(time.Microsecond)
	usec, err := strconv.ParseInt(interval, 10, 64)
	if err != nil || usec <= 0 || usec > most {
		return 0, fmt.Errorf("%s: %q is no time in microseconds (the service manager sets it: is it set elsewhere, too?)", IntervalVariable, interval)
	}
	return time.Duration(usec) * time.Microsecond, nil
}
