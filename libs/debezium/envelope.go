package debezium

import (
	"strconv"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
)

// unknown is a value that differs from event to event.
type unknown byte

const (
	inKey unknown = iota // columns of rows
	inBefore
	inAfter

	sourceMillis
	sourceSnapshot
	sourceSequence
	sourceMicros
	sourceNanos
	sourceTxID
	sourceLSN
	sourceOrigin
	sourceOriginLSN

	transactionOf
	transactionOrder
	transactionCollectionOrder

	nowMillis
	nowMicros
	nowNanos
)

// change is an event with what differs between the records that it becomes.
type change struct {
	event *Event
	op    Op
	// old and row are the row before and after, as far as the change event has them.
	old, row pgmodel.Tuple
	// offset is how many change events of the Event have gone before this one.
	offset int64
	// known leaves out of before what PostgreSQL did not send.
	known bool
	cfg   *Config
}

// shape is all of an event that decides what its records look like, as long as no transform looks
// into its values.
type shape struct {
	op                         Op
	before, after, transaction bool
}

func (c *change) shape() shape {
	return shape{c.op, c.old != nil, c.row != nil, c.event.Transaction != nil}
}

// fieldKind is what a field of the envelope has for an event.
type fieldKind byte

const (
	nullField fieldKind = iota
	numberField
	textField
)

// field returns what a field of the envelope, or one of its blocks, has for an event; text is appended to dst.
func (u unknown) field(c *change, dst []byte) (number int64, text []byte, kind fieldKind) {
	src := &c.event.Source
	switch u {
	case sourceMillis:
		return floorDiv(src.CommitTime, 1000), dst, numberField
	case sourceSnapshot:
		if src.Snapshot != NotSnapshot {
			return 0, append(dst, src.Snapshot...), textField
		}
	case sourceSequence:
		return 0, appendSequence(dst, src), textField
	case sourceMicros:
		return src.CommitTime, dst, numberField
	case sourceNanos:
		return src.CommitTime * 1000, dst, numberField
	case sourceTxID:
		if src.HasTx {
			return int64(src.TxID), dst, numberField
		}
	case sourceLSN:
		if src.HasLSN {
			return int64(src.LSN), dst, numberField
		}
	case sourceOrigin:
		if src.Origin != "" {
			return 0, append(dst, src.Origin...), textField
		}
	case sourceOriginLSN:
		if src.Origin != "" {
			return int64(src.OriginLSN), dst, numberField
		}
	case transactionOf:
		return 0, append(dst, c.event.Transaction.ID...), textField
	case transactionOrder:
		return c.event.Transaction.TotalOrder + c.offset, dst, numberField
	case transactionCollectionOrder:
		return c.event.Transaction.CollectionOrder + c.offset, dst, numberField
	case nowMillis:
		return c.event.Now / 1e6, dst, numberField
	case nowMicros:
		return c.event.Now / 1e3, dst, numberField
	case nowNanos:
		return c.event.Now, dst, numberField
	}
	return 0, dst, nullField
}

// appendSequence appends source.sequence: the commit before the transaction, and the change.
func appendSequence(dst []byte, src *Source) []byte {
	position := func(lsn uint64) {
		if lsn == 0 {
			dst = append(dst, "null"...)
			return
		}
		dst = append(strconv.AppendUint(append(dst, '"'), lsn, 10), '"')
	}
	dst = append(dst, '[')
	position(src.LastCommit)
	dst = append(dst, ',')
	position(src.LSN)
	return append(dst, ']')
}
