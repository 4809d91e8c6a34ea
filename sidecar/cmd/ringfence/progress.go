package main

import (
	"os"

	"github.com/schollz/progressbar/v3"

	"ringfence/rules"
)

// progress shows how far the reading of files is, one bar after the other, when
// its writer is a terminal; else nothing.
type progress struct {
	terminal *terminal
	bar      *progressbar.ProgressBar // of file; nil: none is shown
	file     string
	before   int64 // bytes that were read before the bar began, which its speed must not count
}

func (t *terminal) progress() *progress { return &progress{terminal: t} }

// show takes how far a list is; it is told only of loads that take a while.
func (p *progress) show(s rules.ListProgress) {
	p.draw(s.File, "list "+s.List, s.Done, s.Total)
}

// read takes how far the reading of a journal is.
func (p *progress) read(done, total int64) { p.draw("", "journal", done, total) }

// draw shows how far what is described is.
func (p *progress) draw(file, description string, done, total int64) {
	if !isTerminal(p.terminal.err.raw) {
		return
	}
	if p.bar == nil || p.file != file {
		p.end()
		p.file, p.before = file, done
		p.bar = progressbar.NewOptions64(total-p.before,
			progressbar.OptionSetWriter(p.terminal.err.raw),
			progressbar.OptionSetDescription(description),
			progressbar.OptionShowBytes(true),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionFullWidth(),
			progressbar.OptionClearOnFinish(),
		)
		p.bar.StartWithoutRender()
	}
	p.bar.ChangeMax64(total - p.before)
	_ = p.bar.Set64(done - p.before) // a bar that cannot be drawn is not missed
}

// end clears the bar, for what is written next.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Clear() // as above
		p.bar = nil
	}
}

// isTerminal tells whether w is one.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
