package client

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// FuzzReplay: whatever a dead letter holds, it is either refused or becomes one readable message of one recipe.
func FuzzReplay(f *testing.F) {
	f.Add("ingest", "page", "http://a", "lane")
	f.Add("fetch", "page", `{"id":"i","recipe":"page","key":"k","params":{"url":"u"}}`, "Nats-Rollup")
	f.Add("crunch", "_", `{"id":"i","recipe":"a.b"}`, "batch")
	f.Add("sink", "page", `{"id":"i","recipe":"page"}`, "")
	f.Fuzz(func(t *testing.T, stage, recipe, data, header string) {
		m, err := replay(&DeadLetter{Seq: 1, Time: time.Unix(1, 0), Stage: events.Stage(stage), Recipe: recipe, Header: map[string]string{header: "v"}, Data: []byte(data)})
		if err != nil {
			if !errors.Is(err, ErrNotReplayable) {
				t.Fatal(err)
			}
			return
		}
		if _, err := events.RecipeOfWork(m.Subject); err != nil {
			t.Fatal(err)
		}
		for k := range m.Header {
			if low := strings.ToLower(k); strings.HasPrefix(low, "nats-") && k != events.HeaderMsgID || low == events.HeaderBatch {
				t.Fatalf("header %q is not the user's to keep", k)
			}
		}
		if stage != string(events.StageIngest) {
			if _, err := events.ParseInput(nil, m.Data, time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzProblem(f *testing.F) {
	f.Add("400", "Bad Request", `{"title":"Bad Request","status":400,"detail":"send a URL"}`)
	f.Add("x", "", "{")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, code, text, data string) {
		p := problemOf(&nats.Msg{Header: nats.Header{micro.ErrorCodeHeader: {code}, micro.ErrorHeader: {text}}, Data: []byte(data)})
		if (p == nil) != (code == "") {
			t.Fatalf("code %q gives %v", code, p)
		}
	})
}
