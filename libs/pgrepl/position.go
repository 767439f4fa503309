package pgrepl

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/jackc/pglogrepl"
)

// LSN is a byte position in the write-ahead log; it prints as PostgreSQL prints it (16/B374D848).
type LSN = pglogrepl.LSN

// ParseLSN reads an LSN as PostgreSQL prints it.
func ParseLSN(s string) (LSN, error) { return pglogrepl.ParseLSN(s) }

// Position is the first change that is not delivered yet: delivered are all changes of transactions
// whose commit record is before Commit, and the first Ordinal changes of the transaction whose
// commit record is at Commit.
//
// Transactions arrive in the order of their commit records, so positions of one server are totally
// ordered. A row's own LSN cannot serve as a position: rows of one multi-row INSERT or COPY share
// it, and rows of overlapping transactions are not ordered by it.
type Position struct {
	// SystemID and Timeline identify the server history to which the LSNs belong (IDENTIFY_SYSTEM).
	SystemID string
	Timeline int32
	Commit   LSN
	Ordinal  uint64
	// Delivered is a point of the log before which all transactions end of which anything was
	// delivered; 0 if unknown. Commit may be further, since it also advances past changes that are not
	// captured.
	Delivered LSN
}

// delivered returns Delivered, or a safe upper bound if that is unknown.
func (p Position) delivered() LSN {
	switch {
	case p.Delivered != 0:
		return p.Delivered
	case p.Ordinal != 0:
		return UnknownEnd
	}
	return p.Commit
}

// UnknownEnd is Delivered in the middle of a transaction whose commit position the output plugin
// does not tell.
const UnknownEnd = LSN(math.MaxInt64)

// Before reports whether p is an earlier position than q of the same server history.
func (p Position) Before(q Position) bool {
	if p.Commit != q.Commit {
		return p.Commit < q.Commit
	}
	return p.Ordinal < q.Ordinal
}

// String returns commit LSN and ordinal, for logs and errors.
func (p Position) String() string {
	if p.Ordinal == 0 {
		return p.Commit.String()
	}
	return fmt.Sprintf("%s+%d", p.Commit, p.Ordinal)
}

// PositionJSON is a position as the value of a source offset, or a part of one. Fields that mean
// the same as in Debezium have its names, so that tools that read or alter offsets understand them:
// lsn_commit is the end of the last delivered commit.
type PositionJSON struct {
	LSN      uint64 `json:"lsn"`
	Commit   uint64 `json:"lsn_commit"`
	Proc     uint64 `json:"lsn_proc"`
	Ordinal  uint64 `json:"ordinal"`
	SystemID string `json:"system_id,omitempty"`
	Timeline int32  `json:"timeline,omitempty"`
	// Delivered has no counterpart in Debezium.
	Delivered uint64 `json:"lsn_delivered,omitempty"`
}

// JSON returns the form in which the position is written.
func (p Position) JSON() PositionJSON {
	c := uint64(p.Commit)
	return PositionJSON{LSN: c, Commit: c, Proc: c, Ordinal: p.Ordinal, SystemID: p.SystemID, Timeline: p.Timeline,
		Delivered: uint64(p.Delivered)}
}

// MarshalJSON implements json.Marshaler, with the value of a source offset.
func (p Position) MarshalJSON() ([]byte, error) { return json.Marshal(p.JSON()) }

// UnmarshalJSON reads what MarshalJSON wrote, and also an offset of Debezium's. The lsn_commit of
// that is a transaction boundary: changes after it that Debezium had already delivered are
// delivered again.
func (p *Position) UnmarshalJSON(b []byte) error {
	var v struct {
		Commit   *json.Number `json:"lsn_commit"`
		LSN      *json.Number `json:"lsn"`
		Ordinal  uint64       `json:"ordinal"`
		SystemID string       `json:"system_id"`
		Timeline int32        `json:"timeline"`
		// Users who set a position by hand may leave out what they cannot know.
		Delivered uint64 `json:"lsn_delivered"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return fmt.Errorf("read position: %w", err)
	}
	n := v.Commit
	if n == nil {
		n = v.LSN
	}
	if n == nil {
		return fmt.Errorf("read position: neither lsn_commit nor lsn in %s", b)
	}
	lsn, err := strconv.ParseUint(n.String(), 10, 64)
	if err != nil {
		return fmt.Errorf("read position: lsn %q is not an unsigned integer", n)
	}
	*p = Position{SystemID: v.SystemID, Timeline: v.Timeline, Commit: LSN(lsn), Ordinal: v.Ordinal,
		Delivered: LSN(v.Delivered)}
	return nil
}
