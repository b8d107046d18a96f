package cli

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/fetchmill/fetchmill/internal/host"
)

// Progress shows people how far it is. On anything but a terminal it shows nothing.
type Progress struct {
	w    io.Writer
	on   bool
	bar  *progressbar.ProgressBar
	what string
	of   int64
}

// NewProgress shows progress on w.
func NewProgress(w io.Writer) *Progress { return &Progress{w: w, on: host.IsTerminal(w)} }

// Show says that n of total are done; total is -1 while it is not known. Another "what" begins another bar.
func (p *Progress) Show(what string, n, total int64) {
	if !p.on {
		return
	}
	if p.bar == nil || p.what != what || p.of != total {
		if p.what != what {
			p.Clear()
		}
		p.what, p.of = what, total
		p.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(p.w), progressbar.OptionSetDescription(what),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("items"),
			progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish(), progressbar.OptionUseANSICodes(true),
		)
	}
	_ = p.bar.Set64(n) // drawing may fail; the work goes on
}

// Clear takes the bar away, so that other lines can be printed.
func (p *Progress) Clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
}
