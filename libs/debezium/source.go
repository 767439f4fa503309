package debezium

import (
	"strconv"

	"github.com/calypso-cdc/calypso/libs/record"
)

// sourceBlock writes the source member of a table's envelopes. Parts that the rows of one
// transaction share are kept from row to row, so that only the LSN is formatted each time.
type sourceBlock struct {
	// start, middle and end are constant for the table: the parts up to the value of ts_ms, between
	// snapshot and sequence, and from schema to txId.
	start, middle, end []byte
	// streamed is the value of snapshot for streamed rows: Debezium does not set it, so it is null, or
	// "false" if the converter writes the default for null.
	streamed string

	last       Source // the source that head and tail were made for, except for its LSN
	head, tail []byte // "source":{… up to the sequence, and from ts_us to txId
	valid      bool
}

// newSourceBlock prepares the block for a table's rows. json is the converter that writes it.
func newSourceBlock(cfg *Config, schema, table string, json *record.JSON) sourceBlock {
	text := func(s string) string { return string(record.AppendString(nil, []byte(s))) }
	streamed := `"false"`
	if json.KeepNull {
		streamed = "null"
	}
	return sourceBlock{
		streamed: streamed,
		start: []byte(`"source":{"version":` + text(cfg.version()) + `,"connector":"postgresql","name":` +
			text(cfg.Prefix) + `,"ts_ms":`),
		middle: []byte(`,"db":` + text(cfg.Database) + `,"sequence":`),
		end:    []byte(`,"schema":` + text(schema) + `,"table":` + text(table) + `,"txId":`),
	}
}

func (s *sourceBlock) append(dst []byte, src *Source) []byte {
	if !s.valid || src.CommitTime != s.last.CommitTime || src.LastCommit != s.last.LastCommit || src.TxID != s.last.TxID ||
		src.Snapshot != s.last.Snapshot || src.HasTx != s.last.HasTx {
		s.renew(src)
	}
	dst = append(dst, s.head...)
	if src.LSN != 0 {
		dst = strconv.AppendUint(append(dst, `\"`...), src.LSN, 10)
		dst = append(dst, `\"]"`...)
	} else {
		dst = append(dst, `null]"`...)
	}
	dst = append(dst, s.tail...)
	if src.HasLSN {
		dst = strconv.AppendUint(dst, src.LSN, 10)
	} else {
		dst = append(dst, "null"...)
	}
	dst = append(dst, `,"xmin":null,"origin":`...)
	if src.Origin == "" {
		return append(dst, `null,"origin_lsn":null}`...)
	}
	dst = record.AppendString(dst, []byte(src.Origin))
	dst = strconv.AppendUint(append(dst, `,"origin_lsn":`...), src.OriginLSN, 10)
	return append(dst, '}')
}

func (s *sourceBlock) renew(src *Source) {
	s.last, s.valid = *src, true
	h := append(s.head[:0], s.start...)
	h = strconv.AppendInt(h, floorDiv(src.CommitTime, 1000), 10)
	h = append(h, `,"snapshot":`...)
	if src.Snapshot == NotSnapshot {
		h = append(h, s.streamed...)
	} else {
		h = append(append(append(h, '"'), src.Snapshot...), '"')
	}
	h = append(h, s.middle...)
	if src.LastCommit == 0 {
		h = append(h, `"[null,`...)
	} else {
		h = append(strconv.AppendUint(append(h, `"[\"`...), src.LastCommit, 10), `\",`...)
	}
	s.head = h
	t := strconv.AppendInt(append(s.tail[:0], `,"ts_us":`...), src.CommitTime, 10)
	t = strconv.AppendInt(append(t, `,"ts_ns":`...), src.CommitTime, 10)
	if src.CommitTime != 0 {
		t = append(t, "000"...)
	}
	t = append(t, s.end...)
	if src.HasTx {
		t = strconv.AppendUint(t, src.TxID, 10)
	} else {
		t = append(t, "null"...)
	}
	s.tail = append(t, `,"lsn":`...)
}

// floorDiv divides and rounds towards negative infinity, like Java's Math.floorDiv.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
