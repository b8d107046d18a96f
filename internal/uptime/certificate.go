package uptime

import (
	"fmt"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// reminders are the numbers of days left at which is told again that a certificate expires; 0 is when it has.
var reminders = []int{7, 3, 1, 0}

// certificate tells that the certificate expires soon: when fewer days are left than the target's number, and then at the reminders.
func (s *step) certificate() {
	st, c := &s.State, s.check
	if c.Expires == 0 {
		return
	}
	if c.Expires != st.Expires {
		st.Expires, st.ExpiresTold = c.Expires, 0
	}
	left := int(c.Expires.Sub(c.At).Hours() / 24)
	level, ok := s.level(c.Expires.Sub(c.At))
	if !ok || st.ExpiresTold != 0 && level+1 >= st.ExpiresTold {
		return
	}
	st.ExpiresTold = level + 1
	cause := fmt.Sprintf("the certificate expires in %d days", left)
	if c.Expires <= c.At {
		cause = "the certificate has expired"
	}
	expires := fmt.Sprint(c.Expires)
	s.event(events.ChangeCertificate, events.TargetEvent{Cause: cause})
	s.notice(events.Notice{
		Kind: events.NoticeCertificate, Cause: cause,
		Facts: map[string]string{"expires": events.FormatTime(c.Expires.Time()), "days_left": fmt.Sprint(left)},
	}, expires, fmt.Sprint(level))
}

// level is the least number of days that are to be told and that fewer than are left.
func (s *step) level(left time.Duration) (int, bool) {
	level, ok := 0, false
	for _, days := range append([]int{s.CertificateDays}, reminders...) {
		if s.CertificateDays > 0 && days <= s.CertificateDays && left < time.Duration(days)*24*time.Hour || days == 0 && s.CertificateDays > 0 && left <= 0 {
			level, ok = days, true
		}
	}
	return level, ok
}
