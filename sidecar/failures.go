package sidecar

import (
	"fmt"
	"log/slog"
	"sync/atomic"
)

// failures count those of a file that is written again and again, and have the
// log say when a row of them begins and ends.
type failures struct {
	errors  atomic.Uint64
	failing atomic.Bool // the last write failed, as the log has said
}

// tell takes what became of a write: failed is what the log says of the first
// failure of a row, and again what it says of its end.
func (f *failures) tell(log *slog.Logger, file, failed, again string, err error) {
	switch {
	case err != nil:
		f.errors.Add(1)
		if !f.failing.Load() {
			log.Error(failed+", will try again", "err", fmt.Errorf("%s: %w", file, err))
		}
	case f.failing.Load():
		log.Info(again, "file", file)
	}
	f.failing.Store(err != nil)
}
