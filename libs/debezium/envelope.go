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

// change is an event, with the properties in which the records made from it differ.
type change struct {
	event *Event
	op    Op
	// old and row are the row before and after the change, as far as this change event has them.
	old, row pgmodel.Tuple
	// offset is how many change events of the Event precede this one.
	offset int64
	// known leaves columns that PostgreSQL did not send out of before.
	known bool
	cfg   *Config
}

// shape holds everything about an event that decides the form of its records, as long as no
// transform looks at values.
type shape struct {
	op                         Op
	before, after, transaction bool
}

func (c *change) shape() shape {
	return shape{c.op, c.old != nil, c.row != nil, c.event.Transaction != nil}
}

// fieldKind is the kind of value that a field of the envelope has for an event.
type fieldKind byte

const (
	nullField fieldKind = iota
	numberField
	textField
)

// field returns the value of a field of the envelope, or of one of its blocks, for an event; text
// is appended to dst.
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

// appendSequence appends source.sequence: the LSNs of the commit before the transaction, and of the
// change.
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
