package progress

import (
	"encoding/json"
	"fmt"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// checkpointJSON is a checkpoint as the value of a source offset, with Debezium's names where they mean the same.
type checkpointJSON struct {
	pgrepl.PositionJSON
	TxID         uint32       `json:"txId,omitempty"`
	CommitTime   int64        `json:"ts_usec,omitempty"`
	Snapshot     *Snapshot    `json:"snapshot,omitempty"`
	Completed    bool         `json:"snapshot_completed"`
	Incremental  *Incremental `json:"incremental_snapshot,omitempty"`
	SignalOffset *int64       `json:"signal_offset,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (c Checkpoint) MarshalJSON() ([]byte, error) {
	v := checkpointJSON{PositionJSON: c.At.JSON(), TxID: c.TxID, CommitTime: c.CommitTime, Snapshot: c.Snapshot,
		Completed: c.Snapshot == nil, SignalOffset: c.SignalOffset}
	if c.Incremental != nil && !c.Incremental.Idle() {
		v.Incremental = c.Incremental
	}
	return json.Marshal(v)
}

// UnmarshalJSON reads what MarshalJSON wrote, or an offset of Debezium's.
func (c *Checkpoint) UnmarshalJSON(b []byte) error {
	*c = Checkpoint{}
	if err := json.Unmarshal(b, &c.At); err != nil {
		return err
	}
	var v struct {
		TxID       uint32          `json:"txId"`
		CommitTime int64           `json:"ts_usec"`
		Snapshot   json.RawMessage `json:"snapshot"` // an object; with Debezium a word or true
		Completed  *bool           `json:"snapshot_completed"`

		Incremental  *Incremental `json:"incremental_snapshot"`
		SignalOffset *int64       `json:"signal_offset"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return fmt.Errorf("read checkpoint: %w", err)
	}
	c.TxID, c.CommitTime, c.Incremental, c.SignalOffset = v.TxID, v.CommitTime, v.Incremental, v.SignalOffset
	if len(v.Snapshot) > 0 && v.Snapshot[0] == '{' {
		return c.readSnapshot(v.Snapshot)
	}
	if v.Completed != nil && !*v.Completed || len(v.Snapshot) > 0 && v.Completed == nil {
		// Debezium had not finished a snapshot, which it would begin again.
		c.Snapshot = new(Snapshot)
	}
	return nil
}

func (c *Checkpoint) readSnapshot(b []byte) error {
	c.Snapshot = new(Snapshot)
	if err := json.Unmarshal(b, c.Snapshot); err != nil {
		return fmt.Errorf("read checkpoint: snapshot: %w", err)
	}
	for name, table := range c.Snapshot.Tables {
		if !table.complete() {
			return fmt.Errorf("read checkpoint: snapshot: the progress of table %s has null where a table or a range belongs",
				name)
		}
	}
	return nil
}
