package cli

import (
	"fmt"
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
	from int64 // what was done already when the bar began: rate and remaining time are about the rest
	at   time.Time
}

// NewProgress shows progress on w.
func NewProgress(w io.Writer) *Progress { return &Progress{w: w, on: host.IsTerminal(w)} }

// Show says that n of total are done; total is -1 while it is not known. Another "what" begins another bar.
func (p *Progress) Show(what string, n, total int64) {
	if !p.on {
		return
	}
	if p.what != what {
		p.Clear()
		p.what, p.from, p.at = what, n, time.Now()
	}
	if p.bar == nil || p.of != total {
		p.of = total
		p.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(p.w), progressbar.OptionSetWidth(30), progressbar.OptionShowCount(),
			progressbar.OptionShowDescriptionAtLineEnd(), progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionUseANSICodes(true),
			progressbar.OptionSetSpinnerChangeInterval(0), // otherwise it goes on drawing by itself, over what is printed after it
		)
	}
	p.bar.Describe(pace(what, n-p.from, total-n, time.Since(p.at)))
	_ = p.bar.Set64(n) // drawing may fail; the work goes on
}

// pace tells the rate and, if it is known how many are left, the time that they will take.
func pace(what string, done, left int64, took time.Duration) string {
	if done <= 0 || took < 200*time.Millisecond { // too little for a number
		return what
	}
	rate := float64(done) / took.Seconds()
	text := fmt.Sprintf("%s, %.0f/s", what, rate)
	if rate < 10 {
		text = fmt.Sprintf("%s, %.1f/s", what, rate)
	}
	if left >= 0 {
		text += fmt.Sprintf(", %s left", time.Duration(float64(left)/rate*float64(time.Second)).Round(time.Second))
	}
	return text
}

// Clear takes the bar away, so that other lines can be printed.
func (p *Progress) Clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	p.bar, p.what = nil, ""
}
