package replicas

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOrders(t *testing.T) {
	in, out := io.Pipe()
	go func() { _, _ = io.WriteString(out, "{\"N\":5}\n") }()
	var config struct{ N int }
	o, err := Read(in, &config)
	require.NoError(t, err)
	require.Equal(t, 5, config.N)

	intake, work := o.Follow(t.Context(), context.Background())
	_, err = io.WriteString(out, "something else\n")
	require.NoError(t, err)
	require.NoError(t, intake.Err())
	_, err = io.WriteString(out, orderDrain)
	require.NoError(t, err)
	<-intake.Done()
	require.NoError(t, work.Err())
	_, err = io.WriteString(out, orderHurry)
	require.NoError(t, err)
	<-work.Done()
	require.NoError(t, out.Close())
	<-o.Gone()
}

func TestOrders_end_everything_with_the_input(t *testing.T) {
	var config struct{}
	o, err := Read(strings.NewReader("{}\n"), &config)
	require.NoError(t, err)
	intake, work := o.Follow(context.Background(), context.Background())
	<-intake.Done()
	<-work.Done()
	<-o.Gone()
}

func TestRead_says_who_starts_it(t *testing.T) {
	var config struct{}
	_, err := Read(strings.NewReader(""), &config)
	require.ErrorContains(t, err, "up --autoscale")
	_, err = Read(strings.NewReader("what?\n"), &config)
	require.ErrorContains(t, err, "read what to do")
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("{\"N\":5}\ndrain\nhurry\n"))
	f.Add([]byte("\n"))
	f.Add([]byte(strings.Repeat("x", 3*maxInput)))
	f.Fuzz(func(_ *testing.T, data []byte) {
		var config struct{ N int }
		o, err := Read(bytes.NewReader(data), &config)
		if err != nil {
			return
		}
		_, work := o.Follow(context.Background(), context.Background())
		<-work.Done() // the input has an end
		<-o.Gone()
	})
}
