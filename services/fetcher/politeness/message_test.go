package politeness

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMessages(t *testing.T) {
	for _, m := range []message{
		{From: "a", Kind: kindHere},
		{From: "a", Kind: kindHere, Held: []uint64{1, 1<<64 - 1}, All: true},
		{From: "a", Kind: kindLeave},
		{From: "a", Kind: kindPause, Host: "example.com:443", MS: 1000},
		{From: "a", Kind: kindOpen, Host: "[2001:db8::1]:443", MS: 5000, Failures: 5, Last: "connection refused"},
		{From: "a", Kind: kindClosed, Host: "example.com:443"},
	} {
		t.Run("are read as they were written: "+string(m.Kind), func(t *testing.T) {
			got, err := decode(m.encode())
			require.NoError(t, err)
			require.Equal(t, m, got)
		})
	}
	for name, data := range map[string]string{
		"no JSON":            "hello",
		"nothing":            "",
		"no kind":            `{"from":"a"}`,
		"no sender":          `{"kind":"here"}`,
		"a sender with dots": `{"kind":"here","from":"a.b"}`,
		"a long sender":      `{"kind":"here","from":"` + strings.Repeat("a", 65) + `"}`,
		"no host":            `{"kind":"pause","from":"a","ms":1}`,
		"an odd host":        `{"kind":"pause","from":"a","ms":1,"host":"Example.com:80"}`,
		"a negative time":    `{"kind":"pause","from":"a","ms":-1,"host":"example.com:80"}`,
		"an endless time":    `{"kind":"open","from":"a","ms":9223372036854775807,"host":"example.com:80"}`,
		"negative failures":  `{"kind":"open","from":"a","failures":-1,"host":"example.com:80"}`,
		"many hosts":         `{"kind":"here","from":"a","held":[` + strings.Repeat("1,", maxHeld) + `1]}`,
		"a long text":        `{"kind":"here","from":"a","last":"` + strings.Repeat("a", maxMessage) + `"}`,
	} {
		t.Run("are ignored with "+name, func(t *testing.T) {
			_, err := decode([]byte(data))
			require.ErrorIs(t, err, errMessage)
			polite(t, Config{}).receive([]byte(data))
		})
	}
	t.Run("the longest announcement is not too long", func(t *testing.T) {
		m := message{From: strings.Repeat("a", maxID), Kind: kindHere, Held: make([]uint64, maxHeld)}
		for i := range m.Held {
			m.Held[i] = 1<<64 - 1
		}
		_, err := decode(m.encode())
		require.NoError(t, err)
	})
}

func FuzzReceive(f *testing.F) {
	for _, m := range []message{
		{From: "a", Kind: kindHere, Held: []uint64{1}},
		{From: "a", Kind: kindLeave},
		{From: "a", Kind: kindPause, Host: alive, MS: 1000},
		{From: "a", Kind: kindClosed, Host: alive},
		{From: "a", Kind: kindOpen, Host: alive, MS: 5000, Failures: 5, Last: "connection refused"},
	} {
		f.Add(m.encode())
	}
	p, err := New(Config{MaxHosts: 100})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p.receive(data)
		if m, err := decode(data); err == nil {
			again, err := decode(m.encode())
			require.NoError(t, err)
			require.Equal(t, m.Host, again.Host)
			require.Equal(t, m.Kind, again.Kind)
		}
		for _, h := range p.Snapshot() {
			require.True(t, validHost(h.Host))
			require.LessOrEqual(t, h.For, p.cfg.BreakMost)
		}
	})
}
