package sidecar

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"ringfence/rules"
)

// The calls whose outcome is awaited are in a file from a stop in order to the next
// start, which takes it away: after a kill nobody knows which of them go on.

// restorePending puts the saved calls back into an engine that has decided nothing
// yet, and tells whether all that went on at the stop is known again. No fault of
// the file fails a start.
func (p *Program) restorePending(name string) (whole bool) {
	file, _, err := openRegular(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	calls := 0
	if err == nil {
		calls, err = p.engine.RestorePending(bufio.NewReaderSize(file, bufferSize), p.now())
		err = errors.Join(err, file.Close())
	}
	if gone := os.Remove(name); gone != nil { // the next start must not take them for running
		err = errors.Join(err, gone)
	}
	if err != nil {
		p.log.Warn("what becomes of calls from before the start is not counted", "file", name, "err", err)
		return false
	}
	p.log.Info("calls from before the start go on", "calls", calls)
	return true
}

// savePending writes the calls whose outcome is awaited.
func savePending(name string, engine *rules.Engine, log *slog.Logger) {
	if err := writeFile(name, engine.SavePending); err != nil {
		log.Error("the calls that go on are not known after the next start", "err", fmt.Errorf("%s: %w", name, err))
	}
}
