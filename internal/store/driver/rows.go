package driver

import (
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Row is a result at its place in the sequence.
type Row struct {
	Seq    int64
	Batch  int64 // the number of its batch, 0 if it has none
	Result *events.Result

	// Of what is inserted only:
	Fetch string // Result.Fetch as JSON, "" for nothing
	Host  string // Result.Host
}

// Batch is a batch as it is stored.
type Batch struct {
	events.Batch
	Num       int64
	Cancel    bool  // somebody asked for it to be cancelled
	Announced int64 // how many ends have been announced
}

// Name is what people call the batch.
func (b Batch) Name() string { return b.Batch.Batch }

// Loan makes a result count in a second batch.
type Loan struct {
	Seq    int64
	Batch  int64
	Index  int64
	Result int64 // its Seq
}

// Aged is what has to be known of a result to judge whether it can be deleted.
type Aged struct {
	Seq      int64
	Finished int64
	InUse    bool // a batch that has not ended has it, or has borrowed it
}

// Count is a sum, of a batch or of everything (0).
type Count struct {
	Batch int64
	events.Count
}

// OutboxPart is what of the outbox is sent in one order; what is to become of one part does not wait for the other.
type OutboxPart int

// The parts.
const (
	Announcements OutboxPart = iota // all but notices
	Notices                         // what people are to be told
)

// Where says which rows of the outbox a part has, in SQL. The first bound is the prefix of the subjects of notices; the second follows all of them.
func (p OutboxPart) Where() string {
	if p == Notices {
		return ` WHERE subject >= 'notice.' AND subject < 'notice/'`
	}
	return ` WHERE subject < 'notice.' OR subject >= 'notice/'`
}

// OutboxRow is a message that a transaction has decided to send.
type OutboxRow struct {
	ID      int64 // given by the database; they grow in the order of the transactions
	Subject string
	MsgID   string
	Type    string // CloudEvents type
	Data    []byte
}
