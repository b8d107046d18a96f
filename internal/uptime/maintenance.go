package uptime

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// maxMaintenance bounds one time of maintenance: longer is to pause the target.
const maxMaintenance = 31 * 24 * time.Hour

// window is a maintenance that is ready to be asked.
type window struct {
	length time.Duration
	from   Instant // once; 0 if it comes again and again

	zone         *time.Location
	hour, minute int
	weekdays     [7]bool
	dates        []int // none means all
}

var weekdayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func newWindow(m events.Maintenance) (window, error) {
	w := window{length: time.Duration(m.ForMS) * time.Millisecond, zone: time.UTC}
	if w.length <= 0 || w.length > maxMaintenance {
		return w, fmt.Errorf("for %s: write a duration from 1m to %s, such as 2h; for longer, pause the target", w.length, maxMaintenance)
	}
	if m.Zone != "" {
		var err error
		if w.zone, err = time.LoadLocation(m.Zone); err != nil {
			return w, fmt.Errorf("zone %.80q is not known: write a name of the IANA database, such as Europe/Berlin", m.Zone)
		}
	}
	switch {
	case !m.From.IsZero() && (m.At != "" || len(m.Days) > 0 || len(m.Dates) > 0):
		return w, errors.New("from is for once, and at, days and dates are for again and again: write the one or the others")
	case !m.From.IsZero():
		w.from = InstantOf(m.From)
		return w, nil
	case m.At == "":
		return w, errors.New(`write from (a time, for once) or at (such as "02:00", for again and again)`)
	}
	err := w.again(m)
	return w, err
}

// again reads when a window comes again and again.
func (w *window) again(m events.Maintenance) error {
	at, err := time.Parse("15:04", m.At)
	if err != nil {
		return fmt.Errorf(`at %.40q: write a time of day such as "02:00", in quotes`, m.At)
	}
	w.hour, w.minute = at.Hour(), at.Minute()
	for _, name := range m.Days {
		day := slices.Index(weekdayNames, name)
		if day < 0 {
			return fmt.Errorf("day %.40q: write one of %s", name, strings.Join(weekdayNames, ", "))
		}
		w.weekdays[day] = true
	}
	if len(m.Days) == 0 {
		w.weekdays = [7]bool{true, true, true, true, true, true, true}
	}
	for _, date := range m.Dates {
		if date < 1 || date > 31 {
			return fmt.Errorf("date %d: write a day of the month from 1 to 31", date)
		}
	}
	w.dates = m.Dates
	return nil
}

// covers tells whether an instant is in the window. A time of day that the clocks skip, or have twice, is taken as time.Date takes it.
func (w *window) covers(i Instant) bool {
	if w.from != 0 {
		return w.from <= i && i < w.from.Add(w.length)
	}
	t := i.Time().In(w.zone)
	// A window that began some days ago may last until now; one more day, because days with a change of the clocks are shorter.
	for back := range int(w.length/(24*time.Hour)) + 2 {
		begin := time.Date(t.Year(), t.Month(), t.Day()-back, w.hour, w.minute, 0, 0, w.zone)
		if begin.After(t) || !begin.Add(w.length).After(t) {
			continue
		}
		if w.weekdays[begin.Weekday()] && (len(w.dates) == 0 || slices.Contains(w.dates, begin.Day())) {
			return true
		}
	}
	return false
}

// Maintained tells whether a target is in maintenance at an instant.
func (t *Target) Maintained(i Instant) bool {
	for k := range t.windows {
		if t.windows[k].covers(i) {
			return true
		}
	}
	return false
}
