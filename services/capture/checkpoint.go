package capture

import (
	"encoding/json"
	"fmt"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// checkpoint is what a connector has delivered: the value of its source offset, written in the same Kafka transaction as
// the events it speaks of.
type checkpoint struct {
	// at is the first change of the stream that is not delivered.
	at pgrepl.Position
	// txID and commitTime (microseconds since the Unix epoch) are those of the last delivered transaction.
	txID       uint32
	commitTime int64
	// snapshot is the snapshot in progress; nil if none is.
	snapshot *snapshotProgress
	// incremental is the incremental snapshot in progress; nil if there never was one.
	incremental *incrementalProgress
	// signalOffset is the next offset of the signal topic; nil if none was ever followed.
	signalOffset *int64
}

type checkpointJSON struct {
	TxID         uint32               `json:"txId,omitempty"`
	CommitTime   int64                `json:"ts_usec,omitempty"`
	Snapshot     json.RawMessage      `json:"snapshot,omitempty"`
	Completed    *bool                `json:"snapshot_completed,omitempty"`
	Incremental  *incrementalProgress `json:"incremental_snapshot,omitempty"`
	SignalOffset *int64               `json:"signal_offset,omitempty"`
}

// snapshotProgress is how far a snapshot is. Tables that are in neither map have not been begun.
type snapshotProgress struct {
	// Xmin is the xmin of the snapshot that the finished ranges were read under: rows that changed since have it or a
	// later one.
	Xmin   uint64                    `json:"xmin,omitempty"`
	Done   map[string]bool           `json:"done,omitempty"`
	Tables map[string]*tableProgress `json:"tables,omitempty"`
}

// tableProgress is how far the reading of one table is: the pages below Next are delivered but for the open ranges; all of them where
// Next is -1.
type tableProgress struct {
	Next int64                 `json:"next"`
	Open map[string]*openRange `json:"open,omitempty"`
	// Members are the tables that inherit from the table, as far as they were known.
	Members map[string]*tableProgress `json:"members,omitempty"`
}

// whole says that no part of what was read is missing.
func (p *tableProgress) whole() bool {
	if p == nil {
		return false
	}
	for _, open := range p.Open {
		if open == nil {
			return false
		}
	}
	for _, member := range p.Members {
		if !member.whole() {
			return false
		}
	}
	return true
}

// of is the progress of a part of the table; nil if it was not begun.
func (p *tableProgress) of(t *snapshotTable, part *tablePart) *tableProgress {
	if part.Table == t.Table {
		return p
	}
	return p.Members[part.String()]
}

// openRange is a range of pages that is being read, named by its first page.
type openRange struct {
	// To is the page that ends the range; 0 if the range ends with the table.
	To int64 `json:"to"`
	// At is the ctid of the last delivered row; empty if none is.
	At string `json:"at,omitempty"`
}

// MarshalJSON writes the checkpoint as the value of a source offset, with Debezium's names where they mean the same.
func (c *checkpoint) MarshalJSON() ([]byte, error) {
	position, err := json.Marshal(c.at)
	if err != nil {
		return nil, err
	}
	extra := checkpointJSON{TxID: c.txID, CommitTime: c.commitTime, SignalOffset: c.signalOffset}
	if c.incremental != nil && len(c.incremental.Collections) > 0 {
		extra.Incremental = c.incremental
	}
	if c.snapshot != nil {
		if extra.Snapshot, err = json.Marshal(c.snapshot); err != nil {
			return nil, err
		}
	}
	done := c.snapshot == nil
	extra.Completed = &done
	rest, err := json.Marshal(extra)
	if err != nil {
		return nil, err
	}
	return append(append(position[:len(position)-1], ','), rest[1:]...), nil
}

// UnmarshalJSON reads what MarshalJSON wrote, or an offset of Debezium's.
func (c *checkpoint) UnmarshalJSON(b []byte) error {
	*c = checkpoint{}
	if err := json.Unmarshal(b, &c.at); err != nil {
		return err
	}
	var v checkpointJSON
	if err := json.Unmarshal(b, &v); err != nil {
		return fmt.Errorf("read checkpoint: %w", err)
	}
	c.txID, c.commitTime, c.incremental, c.signalOffset = v.TxID, v.CommitTime, v.Incremental, v.SignalOffset
	if len(v.Snapshot) > 0 && v.Snapshot[0] == '{' {
		c.snapshot = new(snapshotProgress)
		if err := json.Unmarshal(v.Snapshot, c.snapshot); err != nil {
			return fmt.Errorf("read checkpoint: snapshot: %w", err)
		}
		for table, progress := range c.snapshot.Tables {
			if !progress.whole() {
				return fmt.Errorf("read checkpoint: snapshot: the progress of table %s has null where a table or a range belongs", table)
			}
		}
	} else if v.Completed != nil && !*v.Completed || len(v.Snapshot) > 0 && v.Completed == nil {
		// Debezium was amid a snapshot, which it would begin anew.
		c.snapshot = new(snapshotProgress)
	}
	return nil
}

// orEmpty makes sure that the maps of a progress are there.
func (p *snapshotProgress) orEmpty() *snapshotProgress {
	if p.Done == nil {
		p.Done = make(map[string]bool)
	}
	if p.Tables == nil {
		p.Tables = make(map[string]*tableProgress)
	}
	return p
}
