package uptime

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/DataDog/sketches-go/ddsketch/mapping"
	"github.com/DataDog/sketches-go/ddsketch/store"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// accuracy is by what share a quantile of response times may be wrong.
const accuracy = 0.01

// scale of all sketches, so that any two can be merged. Its error is that of a constant that is out of range.
var scale, errScale = mapping.NewLogarithmicMapping(accuracy)

func init() { //nolint:gochecknoinits // the constant is wrong, or is not
	if errScale != nil {
		panic(errScale)
	}
}

// times is a sketch of response times in milliseconds (DDSketch, VLDB 2019): small, and any two can be merged.
type times struct{ sketch *ddsketch.DDSketch }

func newTimes() times {
	return times{ddsketch.NewDDSketchFromStoreProvider(scale, store.DenseStoreConstructor)}
}

// encode writes the bins in order: how far each is from the one before, and how many times it has, as varints.
func (t times) encode() []byte {
	var data []byte
	last := 0
	t.sketch.GetPositiveValueStore().ForEach(func(bin int, n float64) bool {
		data = binary.AppendVarint(data, int64(bin-last))
		data = binary.AppendUvarint(data, uint64(n))
		last = bin
		return false
	})
	return data
}

// maxBin is beyond any duration that there is.
const maxBin = 4096

var errTimes = errors.New("response times cannot be read")

// decodeTimes reads what encode has written.
func decodeTimes(data []byte) (times, error) {
	t := newTimes()
	bin := int64(0)
	for len(data) > 0 {
		step, a := binary.Varint(data)
		n, b := binary.Uvarint(data[max(a, 0):])
		bin += step
		if a <= 0 || b <= 0 || step < -maxBin || step > 2*maxBin || bin < -maxBin || bin > maxBin || n > maxField {
			return times{}, errTimes
		}
		t.sketch.GetPositiveValueStore().AddWithCount(int(bin), float64(n))
		data = data[a+b:]
	}
	return t, nil
}

func (t times) add(d time.Duration) {
	if err := t.sketch.Add(milliseconds(d)); err != nil {
		panic(fmt.Sprintf("uptime: a duration cannot be sketched: %v", err)) // only NaN and numbers beyond any duration cannot
	}
}

func (t times) merge(other times) {
	if err := t.sketch.MergeWith(other.sketch); err != nil {
		panic(fmt.Sprintf("uptime: sketches of one scale cannot be merged: %v", err))
	}
}

// quantiles are those that people ask for.
func (t times) quantiles() events.ResponseTimes {
	q, err := t.sketch.GetValuesAtQuantiles([]float64{0.5, 0.95, 0.99})
	if err != nil { // it is empty
		return events.ResponseTimes{}
	}
	return events.ResponseTimes{P50: round(q[0]), P95: round(q[1]), P99: round(q[2])}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// round leaves microseconds of milliseconds.
func round(ms float64) float64 { return float64(int64(ms*1000+0.5)) / 1000 }
