package natsjs

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

func TestParsePlace(t *testing.T) {
	want := place{stream: "S", consumer: "c", delivered: 3, seq: 45, stored: 1700000000123456789, pending: 7}
	for name, reply := range map[string]string{
		"as it was":                          "$JS.ACK.S.c.3.45.46.1700000000123456789.7",
		"with domain and account":            "$JS.ACK._.Hash.S.c.3.45.46.1700000000123456789.7",
		"with domain, account and a token":   "$JS.ACK.hub.Hash.S.c.3.45.46.1700000000123456789.7.token",
		"with tokens that are not known yet": "$JS.ACK.hub.Hash.S.c.3.45.46.1700000000123456789.7.token.more",
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := parsePlace(reply)
			require.True(t, ok)
			require.Equal(t, want, got)
		})
	}
	for _, reply := range []string{"", "_INBOX.x", "$JS.ACK.", "$JS.ACK.S.c.1.2.3.4", "$JS.ACK.S.c.x.2.3.4.5", "$JS.ACK.S.c.1.-2.3.4.5", "$JS.ACK.S.c.1.2.3.4.x"} {
		t.Run("refuses "+reply, func(t *testing.T) {
			_, ok := parsePlace(reply)
			require.False(t, ok)
		})
	}
}

func FuzzParsePlace(f *testing.F) {
	for _, seed := range []string{
		"", "$JS.ACK.", "$JS.ACK.S.c.1.2.3.4.5", "$JS.ACK._.h.S.c.1.2.3.4.5.t", "$JS.ACK.........", "$JS.ACK.S.c.1.18446744073709551616.3.4.5",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, reply string) {
		p, ok := parsePlace(reply)
		if again, same := parsePlace(reply); again != p || same != ok {
			t.Fatalf("%q is read in two ways", reply)
		}
	})
}

func FuzzUnmarshal(f *testing.F) {
	f.Add("H", "v", "w", []byte("data"))
	f.Add(headerUUID, "", "u", []byte(nil))
	f.Add("", "\xff", "\r\n", []byte{0xff})
	f.Add(nats.MsgIdHdr, "m", "", []byte("{}"))
	f.Fuzz(func(t *testing.T, key, first, second string, data []byte) {
		msg := unmarshal(&nats.Msg{Header: nats.Header{key: {first, second}, "none": nil}, Data: data}, place{stream: "S", seq: 1})
		require.NotEmpty(t, msg.UUID)
		require.Equal(t, string(data), string(msg.Payload))
		require.NotContains(t, msg.Metadata, "none")
		if key != headerUUID {
			require.Equal(t, first, msg.Metadata[key])
		}
		again := NewMsg("s", msg.UUID, msg.Metadata, msg.Payload)
		require.True(t, unmarshal(again, place{}).Equals(msg), "what is published again is the same")
	})
}
