package leaktest

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { Main(m) }

func TestWhatIsLeftIsFound(t *testing.T) {
	options := []goleak.Option{goleak.IgnoreCurrent()}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		<-stop
	}()
	require.ErrorContains(t, find(0, options), "TestWhatIsLeftIsFound")
	close(stop)
	<-ended
	None(t, options...)
}
