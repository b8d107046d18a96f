package natsjs

import (
	"strconv"
	"strings"

	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
)

// headerUUID is where watermill-nats keeps the UUID of a message.
const headerUUID = wmnats.WatermillUUIDHdr

// NewMsg makes a message for the wire: metadata as headers, and the UUID where watermill-nats looks for it.
func NewMsg(subject, uuid string, metadata map[string]string, data []byte) *nats.Msg {
	header := make(nats.Header, len(metadata)+1)
	// One array backs the values of all headers: a message has many of them, and each would be an allocation.
	values := make([]string, 0, len(metadata)+1)
	set := func(k, v string) {
		values = append(values, v)
		header[k] = values[len(values)-1 : len(values) : len(values)]
	}
	if uuid != "" {
		set(headerUUID, uuid)
	}
	for k, v := range metadata {
		set(k, v)
	}
	return &nats.Msg{Subject: subject, Header: header, Data: data}
}

// unmarshal reads a message from the wire. It accepts everything: of a repeated header the first value counts, and a message
// that no Watermill application has published gets a UUID from its message id or its place in the stream.
func unmarshal(m *nats.Msg, place place) *message.Message {
	md := make(message.Metadata, len(m.Header))
	var uuid string
	for k, v := range m.Header {
		if len(v) == 0 {
			continue
		}
		if k == headerUUID {
			uuid = v[0]
			continue
		}
		md[k] = v[0]
	}
	if uuid == "" {
		uuid = md[nats.MsgIdHdr]
	}
	if uuid == "" {
		uuid = place.stream + ":" + strconv.FormatUint(place.seq, 10)
	}
	msg := message.NewMessage(uuid, m.Data)
	msg.Metadata = md
	return msg
}

// place is what the reply subject of a delivery tells.
type place struct {
	stream, consumer string
	delivered        int
	seq              uint64
	stored           int64  // nanoseconds since 1970
	pending          uint64 // left for the consumer
}

// parsePlace reads a reply subject of JetStream, which is
//
//	$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<timestamp>.<pending>
//
// and since 2.12 may have a domain and an account hash before the stream (nats-server ADR-15).
func parsePlace(reply string) (p place, ok bool) {
	rest, ok := strings.CutPrefix(reply, "$JS.ACK.")
	if !ok {
		return p, false
	}
	if strings.Count(rest, ".") >= 8 {
		_, rest, _ = strings.Cut(rest, ".")
		_, rest, _ = strings.Cut(rest, ".")
	}
	p.stream, rest, _ = strings.Cut(rest, ".")
	p.consumer, rest, _ = strings.Cut(rest, ".")
	delivered, rest, _ := strings.Cut(rest, ".")
	seq, rest, _ := strings.Cut(rest, ".")
	_, rest, _ = strings.Cut(rest, ".")
	stored, rest, ok := strings.Cut(rest, ".")
	if !ok {
		return p, false
	}
	pending, _, _ := strings.Cut(rest, ".")
	var err1, err2, err3, err4 error
	p.delivered, err1 = strconv.Atoi(delivered)
	p.seq, err2 = strconv.ParseUint(seq, 10, 64)
	p.stored, err3 = strconv.ParseInt(stored, 10, 64)
	p.pending, err4 = strconv.ParseUint(pending, 10, 64)
	return p, err1 == nil && err2 == nil && err3 == nil && err4 == nil
}
