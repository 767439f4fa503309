package capture

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/history"
	"github.com/calypso-cdc/calypso/services/capture/internal/stage"
	"github.com/calypso-cdc/calypso/services/capture/internal/withheld"
)

// describe says of a table what does not change with each row.
func describe(rel *change.Relation, events *change.Config, kept *withheld.Withheld) *capturev1.CapturedTable {
	return &capturev1.CapturedTable{
		Table: pgrepl.Table{Schema: rel.Schema, Name: rel.Name}.String(), Topic: events.TableTopic(rel.Schema, rel.Name),
		ReplicaIdentity: history.IdentityName(rel.ReplicaIdentity), Warnings: warnings(rel, events.SentColumns(rel)), KeptBack: kept.Of(rel),
	}
}

// warnings says what the events of a table lack.
func warnings(rel *change.Relation, sent []change.SentColumn) (out []string) {
	table := pgrepl.QuoteTable(rel.Schema, rel.Name)
	keyed := slices.ContainsFunc(sent, func(c change.SentColumn) bool { return c.KeyPlace > 0 })
	if !keyed {
		out = append(out, "Its events have no key, so that changes of a row can overtake each other in a topic of several partitions: give the table a primary key, or set message.key.columns.")
	}
	if rel.ReplicaIdentity == 'f' {
		return out
	}
	if !slices.ContainsFunc(rel.Columns, func(c change.Column) bool { return c.InIdentity }) {
		out = append(out, fmt.Sprintf("PostgreSQL refuses updates and deletes of it while it is published, since nothing identifies its rows: add a primary key, or ALTER TABLE %s REPLICA IDENTITY FULL;", table))
	}
	var toasted []string
	for _, c := range sent {
		if c.Toasted && !c.InIdentity {
			toasted = append(toasted, c.Name)
		}
	}
	if len(toasted) > 0 {
		out = append(out, fmt.Sprintf("An update that leaves a large value of %s alone does not carry it, and its event has the placeholder (unavailable.value.placeholder): ALTER TABLE %s REPLICA IDENTITY FULL; sends it.", strings.Join(toasted, ", "), table))
	}
	return out
}

// found replaces the tables. Those that were there before keep their counts.
func (e *entry) found(tables []*capturev1.CapturedTable) {
	e.mu.Lock()
	defer e.mu.Unlock()
	before := e.tables
	e.tables = make(map[string]*capturev1.CapturedTable, len(tables))
	for _, t := range tables {
		e.tables[t.Table] = redescribed(before[t.Table], t)
	}
}

// describeTables notes that tables, which may be new, look different from now on; the caller holds mu.
func (e *entry) describeTables(now []*capturev1.CapturedTable) {
	for _, t := range now {
		e.tables[t.Table] = redescribed(e.tables[t.Table], t)
	}
}

// redescribed is a table with the counts that it had, which may be nil.
func redescribed(known, now *capturev1.CapturedTable) *capturev1.CapturedTable {
	if known == nil {
		return now
	}
	known.Topic, known.ReplicaIdentity, known.Warnings, known.KeptBack, known.SchemaVersion = now.Topic, now.ReplicaIdentity, now.Warnings, now.KeptBack, now.SchemaVersion
	return known
}

// countTables adds durable changes to their tables; the caller holds mu.
func (e *entry) countTables(counts []stage.Count) {
	for i := range counts {
		c := &counts[i]
		t := e.tables[c.Table]
		if t == nil || c.Rows == 0 {
			continue
		}
		switch c.Op {
		case change.Create:
			t.RowsInserted += c.Rows
		case change.Update:
			t.RowsUpdated += c.Rows
		case change.Delete:
			t.RowsDeleted += c.Rows
		case change.Truncate:
			t.Truncates += c.Rows
		case change.Read:
			t.RowsRead += c.Rows
			continue
		}
		if at := time.UnixMicro(c.CommitTime); t.LastChangeTime == nil || !at.Before(t.LastChangeTime.AsTime()) {
			t.LastChangeTime, t.LastChangeLsn = timestamppb.New(at), pgrepl.LSN(c.LSN).String()
		}
	}
}

// captured lists the tables by name, each with what is being done about it.
func (e *entry) captured() []*capturev1.CapturedTable {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]*capturev1.CapturedTable, 0, len(e.tables))
	for _, name := range slices.Sorted(maps.Keys(e.tables)) {
		t := proto.CloneOf(e.tables[name])
		t.State, t.Reason = e.tableState(name)
		out = append(out, t)
	}
	return out
}

// tableState says what is being done about a table, and why if that needs a word; the caller holds mu.
func (e *entry) tableState(name string) (capturev1.CapturedTable_State, string) {
	switch st := e.state; st.Phase {
	case capturev1.Phase_PHASE_FAILED:
		return capturev1.CapturedTable_STATE_FAILED, st.Reason
	case capturev1.Phase_PHASE_SNAPSHOTTING:
		for _, t := range st.Snapshots {
			if t.Table == name && !t.Completed && (t.RowsDone > 0 || t.RangesDone > 0) {
				return capturev1.CapturedTable_STATE_SNAPSHOTTING, ""
			}
		}
		return capturev1.CapturedTable_STATE_WAITING, "The snapshot reads other tables."
	case capturev1.Phase_PHASE_STREAMING:
		if e.reader == nil {
			return capturev1.CapturedTable_STATE_WAITING, st.Reason
		}
		// The last of several entries is the newest.
		state, reason := capturev1.CapturedTable_STATE_STREAMING, ""
		for _, t := range incrementalMessage(e.incremental, e.hidden).Tables {
			switch {
			case t.Table != name:
			case t.State == capturev1.IncrementalTable_STATE_READING:
				state, reason = capturev1.CapturedTable_STATE_SNAPSHOTTING, ""
			case t.State == capturev1.IncrementalTable_STATE_FAILED:
				state, reason = capturev1.CapturedTable_STATE_FAILED, "Its incremental snapshot failed: "+t.Reason
			default:
				state, reason = capturev1.CapturedTable_STATE_STREAMING, ""
			}
		}
		return state, reason
	default:
		return capturev1.CapturedTable_STATE_WAITING, st.Reason
	}
}
