package process_test

import (
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/tests/internal/process"
)

func TestLink(t *testing.T) {
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = echo.Close() })
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c) }()
		}
	}()
	link := process.NewLink(t, echo.Addr().String())
	c, err := net.Dial("tcp", link.Address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	say := func(word string) {
		_, err := io.WriteString(c, word)
		require.NoError(t, err)
	}
	hear := func(word string) {
		got := make([]byte, len(word))
		require.NoError(t, c.SetReadDeadline(time.Now().Add(process.Patience)))
		_, err := io.ReadFull(c, got)
		require.NoError(t, err)
		require.Equal(t, word, string(got))
	}

	t.Run("carries", func(t *testing.T) {
		say("one")
		hear("one")
	})
	t.Run("carries nothing while it is cut, and the rest afterwards", func(t *testing.T) {
		link.Cut()
		say("two")
		require.NoError(t, c.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
		_, err := c.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded, "neither a byte nor an end")
		link.Join()
		hear("two")
	})
	t.Run("ends the other side when one has ended", func(t *testing.T) {
		require.NoError(t, echo.Close())
		require.NoError(t, c.Close())
		lost, err := net.Dial("tcp", link.Address)
		require.NoError(t, err)
		require.NoError(t, lost.SetReadDeadline(time.Now().Add(process.Patience)))
		_, err = lost.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF, "nobody is at the other side")
		require.NoError(t, lost.Close())
	})
}
