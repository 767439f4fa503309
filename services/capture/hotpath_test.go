package capture

import (
	"encoding/binary"
	"testing"

	"github.com/calypso-cdc/calypso/libs/failpoint"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/buffer"
	"github.com/calypso-cdc/calypso/services/capture/internal/encode"
	"github.com/calypso-cdc/calypso/services/capture/internal/history"
	"github.com/calypso-cdc/calypso/services/capture/internal/incremental"
	"github.com/calypso-cdc/calypso/services/capture/internal/schemas"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
	"github.com/calypso-cdc/calypso/services/capture/internal/stream"
)

// orderRelations knows one table, the orders of the use case.
type orderRelations struct{}

func (orderRelations) Resolve(s pgrepl.RelationShape) (*pgmodel.Relation, error) {
	rel := &pgmodel.Relation{OID: s.OID, Schema: s.Schema, Name: s.Name, ReplicaIdentity: s.ReplicaIdentity, Key: []int{0}}
	for _, c := range s.Columns {
		name := "int4"
		if c.TypeOID == 1043 {
			name = "varchar"
		}
		rel.Columns = append(rel.Columns, pgmodel.Column{Name: c.Name,
			Type:    &pgmodel.Type{OID: c.TypeOID, Schema: "pg_catalog", Name: name, Kind: pgmodel.BaseType, TypeMod: -1},
			TypeMod: c.TypeMod, NotNull: true, InIdentity: c.InIdentity})
	}
	return rel, nil
}

func (orderRelations) Known(string, string) *pgmodel.Relation { return nil }

func (orderRelations) Named(string, string) (*pgmodel.Relation, error) { return nil, nil }

// orderFrames are the frames of a transaction: begin, the table, one insert, commit.
func orderFrames() (begin, relation, insert, commit []byte) {
	begin = binary.BigEndian.AppendUint32(append([]byte("B\x00\x00\x00\x00\x00\x00\x10\x00"), make([]byte, 8)...), 7)
	relation = append([]byte("R\x00\x00\x00\x01retail\x00orders_info\x00d"), 0, 5)
	for i, c := range []string{"orderid", "custid", "amount", "city", "purchase_time"} {
		oid, key := uint32(23), byte(0)
		if i > 2 {
			oid = 1043
		}
		if i == 0 {
			key = 1
		}
		relation = append(append(append(relation, key), c...), 0)
		relation = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(relation, oid), 0xffffffff)
	}
	insert = append([]byte("I\x00\x00\x00\x01N"), 0, 5)
	for _, v := range []string{"123456", "306", "183", "Austin", "2026-11-23 10:00:00"} {
		insert = append(binary.BigEndian.AppendUint32(append(insert, 't'), uint32(len(v))), v...)
	}
	commit = append([]byte("C\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x20\x00"), make([]byte, 8)...)
	return begin, relation, insert, commit
}

// hotReader is a reader with everything behind the socket and before the broker, and the buffer that it fills.
func hotReader(t testing.TB) (*buffer.Buffer, func(data []byte)) {
	t.Helper()
	keys, err := spec.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	values, _, problems := keys.Parse(map[string]string{
		"name": "c", "connector.class": Class, "database.hostname": "h", "database.user": "u", "database.dbname": "d",
		"topic.prefix":                   "myserver",
		"value.converter.schemas.enable": "false", "key.converter.schemas.enable": "false", "max.batch.size": "1000000000",
		"max.queue.size.in.bytes": "2000000000",
	})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	set, err := spec.Parse(values)
	if err != nil {
		t.Fatal(err)
	}
	set.Events.Database, set.Events.Task = set.Connection.Database, "0"
	batches := buffer.New(pgrepl.Position{}, set.Delivery.BatchEvents, set.Delivery.BatchBytes)
	rules := encode.Rules{Tables: set.Tables, Events: &set.Events}
	decoder := pgrepl.NewPgoutput(pgrepl.PgoutputOptions{}, orderRelations{})
	reader := stream.NewReader(stream.Deps{
		Events: &set.Events, Buffer: batches, Tables: encode.NewCache(rules),
		Observer: schemas.Observer{History: history.New(), Events: &set.Events},
		Incremental: incremental.New(t.Context(), incremental.Deps{Spec: set, Events: &set.Events,
			Tables: encode.NewCache(rules), Buffer: batches}, nil),
		Fail: failpoint.Parse(""),
	}, decoder, pgrepl.Position{}, 0)
	handle := reader.Handle
	frame := pgrepl.Frame{Start: 1}
	return batches, func(data []byte) {
		frame.Data = data
		if err := decoder.Decode(&frame, handle); err != nil {
			t.Fatal(err)
		}
	}
}

// empty forgets the records of the open batch.
func empty(s *buffer.Buffer) {
	b := s.Fill()
	b.Events.Reset()
	s.Unlock()
}

func TestARowCostsNoAllocationFromTheWireToTheRecord(t *testing.T) {
	batches, feed := hotReader(t)
	begin, relation, insert, _ := orderFrames()
	feed(begin)
	feed(relation)
	for range 20_000 { // grow the batch
		feed(insert)
	}
	n := testing.AllocsPerRun(10, func() {
		empty(batches)
		for range 10_000 {
			feed(insert)
		}
	})
	if perRow := n / 10_000; perRow > 0.01 {
		t.Errorf("%.3f allocations a row, want none", perRow)
	}
}

func BenchmarkWireToRecord(b *testing.B) {
	batches, feed := hotReader(b)
	begin, relation, insert, _ := orderFrames()
	feed(begin)
	feed(relation)
	b.ReportAllocs()
	b.SetBytes(int64(len(insert)))
	for i := range b.N {
		if i%10_000 == 0 {
			empty(batches)
		}
		feed(insert)
	}
}
