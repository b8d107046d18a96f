package expression

import (
	"fmt"
	"net/url"
	"time"
)

// function is one that the language does not have itself.
type function struct {
	run       func(args ...any) (any, error)
	signature any // a pointer to a function of its type
}

// functions are there in all vocabularies. Their arguments have been checked against the signature, unless their types are not known.
var functions = map[string]*function{
	"seconds": {
		func(args ...any) (any, error) {
			d, ok := args[0].(time.Duration)
			if !ok {
				return nil, fmt.Errorf("seconds takes a duration, such as elapsed, not %T", args[0])
			}
			return d.Seconds(), nil
		}, new(func(time.Duration) float64),
	},
	"milliseconds": {
		func(args ...any) (any, error) {
			d, ok := args[0].(time.Duration)
			if !ok {
				return nil, fmt.Errorf("milliseconds takes a duration, such as elapsed, not %T", args[0])
			}
			return float64(d) / float64(time.Millisecond), nil
		}, new(func(time.Duration) float64),
	},
	"truncate": {
		func(args ...any) (any, error) {
			t, isTime := args[0].(time.Time)
			d, isDuration := args[1].(time.Duration)
			if !isTime || !isDuration || d <= 0 {
				return nil, fmt.Errorf(`truncate takes a time and a positive duration, such as truncate(finished, duration("1h")), not %T and %v`, args[0], args[1])
			}
			return t.UTC().Truncate(d), nil
		}, new(func(time.Time, time.Duration) time.Time),
	},
	"host": {
		func(args ...any) (any, error) {
			s, ok := args[0].(string)
			if !ok {
				return nil, fmt.Errorf("host takes the text of an address, such as key, not %T", args[0])
			}
			u, err := url.Parse(s)
			if err != nil || u.Hostname() == "" {
				return nil, fmt.Errorf("host takes an address such as https://example.com/a, not %.80q", s)
			}
			return u.Hostname(), nil
		}, new(func(string) string),
	},
}
