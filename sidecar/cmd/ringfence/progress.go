package main

import (
	"os"

	"github.com/schollz/progressbar/v3"

	"ringfence/rules"
)

// progress shows how far the load of lists is, one bar after the other, when
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
	if !isTerminal(p.terminal.err.raw) {
		return
	}
	if p.bar == nil || p.file != s.File {
		p.end()
		p.file, p.before = s.File, s.Done
		p.bar = progressbar.NewOptions64(s.Total-p.before,
			progressbar.OptionSetWriter(p.terminal.err.raw),
			progressbar.OptionSetDescription("list "+s.List),
			progressbar.OptionShowBytes(true),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionFullWidth(),
			progressbar.OptionClearOnFinish(),
		)
		p.bar.StartWithoutRender()
	}
	p.bar.ChangeMax64(s.Total - p.before)
	_ = p.bar.Set64(s.Done - p.before) // a bar that cannot be drawn is not missed
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
