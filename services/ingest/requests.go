package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Request is a request over NATS.
type Request struct {
	Subject string
	Header  map[string][]string
	Data    []byte
	Reply   string // where the answer is awaited
}

// Run makes the messages for a request on run.<recipe>, whose answer is the finished result of the item with the id. The sink sends it to
// the reply subject.
func (in *Intake) Run(req Request) (id string, out []stage.Outgoing, p *events.Problem) {
	name := strings.TrimPrefix(req.Subject, events.PrefixRun)
	if err := checkReply(req.Reply); err != nil {
		return "", nil, ProblemOf(&Refusal{events.ReasonBadInput, err})
	}
	at := in.now()
	input, err := events.ParseInput(req.Header, req.Data, at)
	if err != nil {
		return "", nil, ProblemOf(&Refusal{events.ReasonBadInput, err})
	}
	id = events.NewID(at)
	if input.Key != "" {
		id = events.IDFromKey(input.Key)
	}
	if out, err = in.send(name, input, id, at, req.Reply); err != nil {
		return "", nil, ProblemOf(err)
	}
	return id, out, nil
}

// replyRE allows subjects without wildcards and white space, which a message can be published on.
var replyRE = regexp.MustCompile(`^[^\s\x00-\x1f.*>]+(\.[^\s\x00-\x1f.*>]+)*$`)

func checkReply(subject string) error {
	switch {
	case subject == "":
		return errors.New("nobody waits for the result: send a request (nats req), or publish on work.<recipe> instead")
	case len(subject) > 1024 || !replyRE.MatchString(subject):
		return errors.New("the reply subject is not one that can be published on")
	case events.Internal(subject):
		return fmt.Errorf("the reply subject %.80q belongs to fetchmill or to the broker: use an inbox", subject)
	}
	return nil
}

// Batch makes the batch record for a request on batch.open, batch.close or batch.cancel with the JSON of an events.BatchRequest.
func (in *Intake) Batch(ctx context.Context, req Request) (stage.Outgoing, *events.Problem) {
	action := events.BatchAction(strings.TrimPrefix(req.Subject, events.PrefixBatch))
	b, err := decodeBatch(action, req.Data)
	if err != nil {
		return stage.Outgoing{}, ProblemOf(err)
	}
	out, err := in.batchRecord(ctx, action, b)
	if err != nil {
		return stage.Outgoing{}, ProblemOf(err)
	}
	return out, nil
}

// opened is the answer to a request about a batch: what is known of its recipe if it was opened.
func (in *Intake) opened(subject string, data []byte) []byte {
	var doc batchDocument
	if subject != events.SubjectBatchOpen || json.Unmarshal(data, &doc) != nil || doc.Recipe == "" {
		return []byte("{}")
	}
	r, err := in.Recipes.Find(doc.Recipe)
	if err != nil || r.Cost == "" {
		return []byte("{}")
	}
	return ops.JSON(events.BatchOpened{Primary: r.Primary, Cost: r.Cost})
}

// batchDocument is an events.BatchRequest that tells a total of 0 from none.
type batchDocument struct {
	Batch  string   `json:"batch"`
	Recipe string   `json:"recipe"`
	Total  *int64   `json:"total"`
	Reduce []string `json:"reduce"`
	Notify []string `json:"notify"`
}

func decodeBatch(action events.BatchAction, data []byte) (events.BatchRequest, error) {
	var doc batchDocument
	if err := strictJSON(data, &doc); err != nil {
		return events.BatchRequest{}, &Refusal{events.ReasonBadInput, fmt.Errorf(`%w: send for example {"batch": "b1"}`, err)}
	}
	b := events.BatchRequest{Batch: doc.Batch, Recipe: doc.Recipe, Notify: doc.Notify, Reduce: doc.Reduce}
	switch {
	case doc.Total != nil:
		b.Total = *doc.Total
	case action == events.BatchClose: // a total that was forgotten would end the batch too early
		return b, &Refusal{events.ReasonBadInput, errors.New(`say how many items were accepted: {"batch": "b1", "total": 3}`)}
	}
	return b, nil
}

// batchRecord makes the message about a batch to the sink, keeps whom to tell of its end, and tells the stages when it is cancelled.
func (in *Intake) batchRecord(ctx context.Context, action events.BatchAction, b events.BatchRequest) (stage.Outgoing, error) {
	if err := in.checkReduce(b); err != nil {
		return stage.Outgoing{}, err
	}
	if err := checkNotify(action, b.Notify); err != nil {
		return stage.Outgoing{}, err
	}
	out, err := batchRecord(action, b, in.now())
	switch {
	case err != nil:
	case action == events.BatchCancel:
		err = in.Cancel(ctx, b.Batch)
	case len(b.Notify) > 0: // before anything of the batch can end
		err = in.Notify(ctx, b.Batch, b.Notify)
	}
	return out, err
}

// maxNotify is on how many channels the end of one batch is told because whoever opened it wants that.
const maxNotify = 16

func checkNotify(action events.BatchAction, channels []string) error {
	switch {
	case len(channels) == 0:
		return nil
	case action != events.BatchOpen:
		return &Refusal{events.ReasonBadInput, errors.New("notify: say when the batch is opened who is to be told of its end")}
	case len(channels) > maxNotify:
		return &Refusal{events.ReasonBadInput, fmt.Errorf("notify: %d channels are more than %d", len(channels), maxNotify)}
	}
	for _, name := range channels {
		if err := events.ValidName(name); err != nil {
			return &Refusal{events.ReasonBadInput, fmt.Errorf("notify: %w", err)}
		}
	}
	return nil
}

// batchRecord makes the message about a batch to the sink. Asking twice gives the same Msg-Id.
func batchRecord(action events.BatchAction, b events.BatchRequest, at time.Time) (stage.Outgoing, error) {
	bad := func(err error) (stage.Outgoing, error) { return stage.Outgoing{}, &Refusal{events.ReasonBadInput, err} }
	if err := events.ValidBatch(b.Batch); err != nil {
		return bad(err)
	}
	if b.Recipe != "" {
		if err := events.ValidName(b.Recipe); err != nil {
			return bad(fmt.Errorf("recipe: %w", err))
		}
	}
	msgID := "batch." + b.Batch + "." + string(action)
	record := events.BatchRecord{Batch: b.Batch, Recipe: b.Recipe, Action: action, At: at.UTC()}
	switch action {
	case events.BatchOpen, events.BatchCancel:
		if b.Total != 0 {
			return bad(fmt.Errorf("total %d: the total is told when the batch is closed", b.Total))
		}
	case events.BatchClose:
		if b.Total < 0 {
			return bad(fmt.Errorf("total %d: use the number of distinct items that were accepted", b.Total))
		}
		record.Total = b.Total
		msgID += "." + strconv.FormatInt(b.Total, 10)
	default:
		return bad(fmt.Errorf("unknown action %.40q: use open, close or cancel", action))
	}
	data, err := json.Marshal(record)
	if err != nil {
		return stage.Outgoing{}, fmt.Errorf("encode the batch record: %w", err)
	}
	return stage.Outgoing{
		Subject: events.SubjectBatchRecord,
		Header:  events.Headers(msgID, events.TypeBatch, events.StageIngest),
		Data:    data,
	}, nil
}

// strictJSON reads one JSON object and refuses fields that v does not have.
func strictJSON(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("the body is not the JSON object that is expected: %w", err)
	}
	if dec.More() {
		return errors.New("the body is more than one JSON object")
	}
	return nil
}
