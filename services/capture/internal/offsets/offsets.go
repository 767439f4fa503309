package offsets

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// RowsComeAgain is what follows from a snapshot of tables that were read before.
const RowsComeAgain = "Each row of the tables comes into their topics once more, as an event of operation r: tables of Azure Data Explorer to which events are appended hold it twice then, the current state (current.state=true) once."

// Repeats is what follows when offsets are removed or set to an earlier position.
var Repeats = []string{
	"Without offsets the next start reads all captured tables again, if snapshot.mode says so: each row that is there comes once more into its topic, as an event of operation r.",
	"With an earlier position the changes since then come once more into their topics, as far as the slot still has them: PostgreSQL begins at what the slot has confirmed, if that is later.",
	"In Azure Data Explorer tables to which events are appended (table.form=rows or changes) then hold these rows twice, since the repetitions are new records; the current state (current.state=true) takes them once, by key. Rows deleted while nobody read the slot stay in it: calypsoctl verify names them.",
}

// Problem says why a task could not go on from an offset that a user sets; nil if it could. A task
// reads one partition only, and there either what it wrote itself or an offset of Debezium's, whose
// position is lsn_commit or lsn.
func Problem(v catalogue.Values, partition, offset []byte) *catalogue.Problem {
	own := partitionOf(spec.Prefix(v))
	if !bytes.Equal(partition, own) {
		return &catalogue.Problem{Key: "partition",
			Message: fmt.Sprintf("partition %.200s is not read by this connector: its only one is %s, after topic.prefix",
				partition, own)}
	}
	if err := new(progress.Checkpoint).UnmarshalJSON(offset); err != nil {
		return &catalogue.Problem{Key: "offset.lsn", Message: fmt.Sprintf(
			"offset %.200s is not a position: %.200s; lsn (and lsn_commit, if given) must be the number of a byte in the write-ahead log, not negative", offset, err)}
	}
	return nil
}

// partitionOf is the partition of the connector whose topics have a prefix.
func partitionOf(prefix string) []byte {
	text, err := json.Marshal(prefix)
	if err != nil { // a string can always be written
		panic(err)
	}
	return fmt.Appendf(nil, `{"server":%s}`, text)
}

// Key is the key of the connector's offset among those of all connectors.
func Key(connectorName, prefix string) []byte {
	return connector.OffsetKey(connectorName, map[string]any{"server": prefix})
}

// Read reads a connector's checkpoint; nil if it has none.
func Read(ctx context.Context, env connector.TaskEnv, prefix string) (*progress.Checkpoint, error) {
	all, err := env.Offsets(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the connector's offsets: %w", err)
	}
	raw, ok := all[string(partitionOf(prefix))]
	if !ok || len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	c := new(progress.Checkpoint)
	if err := json.Unmarshal(raw, c); err != nil {
		return nil, fmt.Errorf("read the connector's offset %.200s: %w", raw, err)
	}
	return c, nil
}
