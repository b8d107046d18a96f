package useragent

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestHeaders_are_the_item_s_business_unless_they_belong_to_the_connection(t *testing.T) {
	seen := make(chan http.Header, 1)
	s := site(t, func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "x"})
		seen <- r.Header
	})
	a := agent(t)
	for _, name := range []string{"Cookie", "X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "Via", "Sec-Fetch-Mode", "Sec-Ch-Ua", "Referer", "Origin", "Authorization"} {
		_, err := get(t, a, s.URL, headers{name: "v"})
		require.NoError(t, err)
		require.Equal(t, "v", (<-seen).Get(name))
	}
	for _, name := range []string{"Expect", "HTTP2-Settings", "Sec-WebSocket-Key", "Proxy-Authorization", "proxy-foo", "Host", "TE"} {
		_, err := get(t, a, s.URL, headers{name: "v"})
		fails(t, err, events.ReasonInvalidParameter, false)
	}
	_, err := get(t, a, s.URL, headers{"A": strings.Repeat("a", maxFieldBytes/2), "B": strings.Repeat("b", maxFieldBytes/2)})
	fails(t, err, events.ReasonInvalidParameter, false)
	_, err = get(t, a, s.URL)
	require.NoError(t, err)
	require.Empty(t, (<-seen)["Cookie"], "no cookie is kept")
}
