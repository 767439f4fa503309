package capture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/history"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
)

// schemaLog is where a connector's versions of tables are kept: a compacted topic of one partition, one JSON object
// (history.Version) a record, with ["connector","schema.table",number] as key. A version is written in the Kafka transaction of
// the first events that have it, so that neither is there without the other.
type schemaLog struct{ env connector.TaskEnv }

// make makes the topic.
func (l *schemaLog) make(ctx context.Context) error {
	client, err := l.env.Kafka()
	if err != nil {
		return fmt.Errorf("make a Kafka client: %w", err)
	}
	defer client.Close()
	_, err = kafka.MakeTopic(ctx, kadm.NewClient(client), l.env.SchemasTopic, 1, l.env.ReplicationFactor, map[string]*string{"cleanup.policy": kadm.StringPtr("compact")})
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("make the compacted topic %s: %w", l.env.SchemasTopic, err)
	}
	return nil
}

// read reads the connector's versions.
func (l *schemaLog) read(ctx context.Context) (*history.History, error) {
	h := history.New()
	values, err := l.env.Versions(ctx)
	for _, value := range values {
		v := new(history.Version)
		if err := json.Unmarshal(value, v); err != nil {
			l.env.Logger.Error("A version of a table cannot be read and is left out", "topic", l.env.SchemasTopic, "error", err)
			continue
		}
		h.Apply(v)
	}
	return h, err
}

// noTopic says that read found no topic: nothing has been kept yet.
func noTopic(err error) bool { return errors.Is(err, kerr.UnknownTopicOrPartition) }

// tableVersion is a new version of a table, with what the board is to show of the table from then on.
type tableVersion struct {
	*history.Version
	shown *capturev1.CapturedTable
}

// records are versions as the topic has them.
func (l *schemaLog) records(versions []tableVersion) ([]*kgo.Record, error) {
	var out []*kgo.Record
	for _, v := range versions {
		key, err := json.Marshal([]any{l.env.Connector, v.Table, v.Number})
		if err != nil {
			return nil, fmt.Errorf("write version %d of table %s: %w", v.Number, v.Table, err)
		}
		value, err := json.Marshal(v.Version)
		if err != nil {
			return nil, fmt.Errorf("write version %d of table %s: %w", v.Number, v.Table, err)
		}
		out = append(out, &kgo.Record{Topic: l.env.SchemasTopic, Key: key, Value: value})
	}
	return out, nil
}

// loadHistory reads what versions the tables have had. Where no topic for them can be had the connector works without.
func (s *session) loadHistory(ctx context.Context) (err error) {
	s.history, err = s.schemas.read(ctx)
	if noTopic(err) {
		err = s.schemas.make(ctx)
	}
	switch {
	case err == nil:
		s.producer.schemas = s.schemas
		return nil
	case retry.KafkaTransient(err):
		return err
	}
	s.env.Logger.Warn("The versions of tables are not kept: make the compacted topic, with one partition, and let this worker read and write it", "topic", s.env.SchemasTopic, "error", err)
	return nil
}

// observe notes what a table looks like from a point of the stream on. A new version is added to those that are written with
// the events that have it.
func (s *session) observe(into *[]tableVersion, rel *change.Relation, at history.Point) *history.Version {
	name := pgrepl.Table{Schema: rel.Schema, Name: rel.Name}.String()
	v, fresh := s.history.Observe(name, history.Describe(rel, s.events.SentColumns(rel)), at)
	if fresh {
		*into = append(*into, tableVersion{v, s.describe(rel)})
	}
	return v
}

// observeRow is observe for the table of a change of the stream.
func (r *reader) observeRow(b *batch, enc *tableEncoder, m *pgrepl.Message) {
	enc.version = r.observe(&b.versions, enc.rel, history.Point{At: r.position(r.tx.commit, r.tx.ordinal), LSN: m.LSN, Time: commitTime(r.tx.commitTime)})
}

// observeChunk gives a table whose rows an incremental snapshot reads a first version. Others come with the stream alone, since
// a chunk shows the table as of now and not as of its place in the stream.
func (r *reader) observeChunk(b *batch, enc *tableEncoder) {
	if r.history.Latest(enc.name) == nil {
		enc.version = r.observe(&b.versions, enc.rel, history.Point{At: r.position(b.at.Commit, b.at.Ordinal), LSN: b.at.Commit, Time: time.Now().UTC()})
	}
}

// observeSnapshot notes what the tables of a snapshot look like.
func (n *snapshot) observeSnapshot() {
	for _, t := range n.queue.tables {
		if rel := n.relations[t.OID]; rel != nil {
			n.observe(&n.versions, rel, history.Point{At: n.position(n.start.Commit, 0), LSN: n.start.Commit, Time: commitTime(n.source.CommitTime)})
		}
	}
}

// position is one in the log of the session's server.
func (s *session) position(commit pgrepl.LSN, ordinal uint64) pgrepl.Position {
	return pgrepl.Position{SystemID: s.system.ID, Timeline: s.system.Timeline, Commit: commit, Ordinal: ordinal}
}

// commitTime is a time of the stream, in microseconds since the Unix epoch.
func commitTime(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
