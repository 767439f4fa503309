package api

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/slot"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
)

// phases are the API's names of phases. For its users a capture that has nothing more to read, or
// that polls, is streaming.
var phases = map[status.Phase]capturev1.Phase{
	status.Idle:         capturev1.Phase_PHASE_UNSPECIFIED,
	status.Connecting:   capturev1.Phase_PHASE_CONNECTING,
	status.Snapshotting: capturev1.Phase_PHASE_SNAPSHOTTING,
	status.Streaming:    capturev1.Phase_PHASE_STREAMING,
	status.Complete:     capturev1.Phase_PHASE_STREAMING,
	status.Polling:      capturev1.Phase_PHASE_STREAMING,
	status.Retrying:     capturev1.Phase_PHASE_RETRYING,
	status.Failed:       capturev1.Phase_PHASE_FAILED,
}

// CaptureMessage shows a capture, without its slot.
func CaptureMessage(s *status.State) *capturev1.Capture {
	out := &capturev1.Capture{
		Connector: s.Connector, WorkerId: s.Worker, Phase: phases[s.Phase], Reason: s.Reason, DurableLsn: lsnText(s.Durable),
		RowsDelivered: s.Rows, TransactionsDelivered: s.Transactions, ExactlyOnce: s.ExactlyOnce, Reconnects: s.Reconnects,
		LastCommitTime: timeMessage(s.LastCommit), CommitToKafkaLatency: s.Latency.Message(),
		Snapshots: snapshotMessages(s.Snapshots),
	}
	if s.Age != nil {
		out.CommitToKafka = durationpb.New(*s.Age)
	}
	if s.Stream != nil {
		out.ReceivedLsn, out.InFlightBytes = s.Stream.Received.String(), int64(s.Stream.Bytes)
	}
	for _, f := range s.Background {
		out.BackgroundFailures = append(out.BackgroundFailures, backgroundMessage(f))
	}
	return out
}

func backgroundMessage(f status.BackgroundFailure) *capturev1.BackgroundFailure {
	return &capturev1.BackgroundFailure{Work: string(f.Work), Reason: f.Reason, Remedy: f.Remedy,
		BeginTime: timeMessage(f.Since), Failures: f.Failures, Lasts: f.Lasts}
}

func snapshotMessages(all []status.TableSnapshot) (out []*capturev1.TableSnapshot) {
	for _, t := range all {
		out = append(out, &capturev1.TableSnapshot{
			Table: t.Table, RowsEstimated: t.Estimate, RowsDone: t.Rows, RangesTotal: int32(t.Ranges), RangesDone: int32(t.Done),
			Completed: t.Completed,
		})
	}
	return out
}

var activities = map[status.Activity]capturev1.CapturedTable_State{
	status.Waiting:  capturev1.CapturedTable_STATE_WAITING,
	status.Reading:  capturev1.CapturedTable_STATE_SNAPSHOTTING,
	status.Streamed: capturev1.CapturedTable_STATE_STREAMING,
	status.Broken:   capturev1.CapturedTable_STATE_FAILED,
}

func tableMessage(t *status.Table) *capturev1.CapturedTable {
	return &capturev1.CapturedTable{
		Table: t.Name, Topic: t.Topic, ReplicaIdentity: t.ReplicaIdentity, Warnings: t.Warnings, KeptBack: t.KeptBack,
		SchemaVersion: int32(t.Version),
		State:         activities[t.Activity], Reason: t.Reason, RowsRead: t.Read, RowsInserted: t.Inserted,
		RowsUpdated: t.Updated,
		RowsDeleted: t.Deleted,
		Truncates:   t.Truncates, LastChangeTime: timeMessage(t.LastChange), LastChangeLsn: lsnText(t.LastLSN),
	}
}

// incrementalMessage shows a progress; nil is one without tables.
func incrementalMessage(p *progress.Incremental, hidden func(string) string) *capturev1.IncrementalSnapshot {
	if p == nil {
		return new(capturev1.IncrementalSnapshot)
	}
	out := &capturev1.IncrementalSnapshot{Paused: p.Paused}
	add := func(c progress.Collection, state capturev1.IncrementalTable_State, rows int64) *capturev1.IncrementalTable {
		t := &capturev1.IncrementalTable{Table: c.Table.String(), State: state, Condition: c.Filter, RowsDone: rows,
			RowsEstimated: c.Estimate}
		out.Tables = append(out.Tables, t)
		return t
	}
	for _, c := range p.Ended {
		switch {
		case c.Err != nil:
			add(c.Collection, capturev1.IncrementalTable_STATE_FAILED, c.Rows).Reason = hidden(c.Err.Error())
		case c.Stopped:
			add(c.Collection, capturev1.IncrementalTable_STATE_STOPPED, c.Rows)
		default:
			add(c.Collection, capturev1.IncrementalTable_STATE_COMPLETED, c.Rows)
		}
	}
	for i, c := range p.Collections {
		if i > 0 {
			add(c, capturev1.IncrementalTable_STATE_WAITING, 0)
			continue
		}
		t := add(c, capturev1.IncrementalTable_STATE_READING, p.Rows)
		t.LastKey, t.MaxKey = p.Last.Texts("NULL"), p.Max.Texts("NULL")
	}
	return out
}

// slotMessage shows a slot; nil stands for one that could not be looked at. Its names may contain
// values of secret references, which hidden removes.
func slotMessage(s *slot.Seen, hidden func(string) string) *capturev1.Slot {
	switch {
	case s == nil:
		return nil
	case s.State == nil:
		return &capturev1.Slot{Name: hidden(s.Name), Missing: true}
	}
	at := s.State
	out := &capturev1.Slot{
		Name: hidden(at.Name), Plugin: at.Plugin, Publication: hidden(s.Publication), RestartLsn: at.RestartLSN.String(),
		ConfirmedFlushLsn: at.ConfirmedFlush.String(),
		RetainedBytes:     at.Retained, WalStatus: at.WALStatus, SafeWalBytes: at.SafeWAL, Active: at.Active,
		ActivePid: at.ActivePID, Failover: at.Failover,
		Conflicting: at.Conflicting, WaitEvent: at.WaitEvent, InactiveSince: timeMessage(at.InactiveSince),
		PluginUnlisted: s.Unlisted, LimitedBy: s.LimitedBy,
		Statistics: statisticsMessage(s.Statistics),
	}
	for _, h := range s.Holders {
		out.Holders = append(out.Holders, holderMessage(h, hidden))
	}
	for _, idle := range s.Idle {
		out.IdleSlots = append(out.IdleSlots, &capturev1.IdleSlot{Name: hidden(idle.Name), Database: hidden(idle.Database),
			RetainedBytes: idle.Retained})
	}
	return out
}

func unreadMessages(all []slot.Unread) (out []*capturev1.UnreadTable) {
	for _, u := range all {
		out = append(out, &capturev1.UnreadTable{Table: u.Table, Since: timestamppb.New(u.Since), Lsn: u.End.String()})
	}
	return out
}

func holderMessage(h pgrepl.Holder, hidden func(string) string) *capturev1.SlotHolder {
	return &capturev1.SlotHolder{What: hidden(h.What), Remedy: hidden(h.Remedy), BeginTime: timeMessage(h.Since)}
}

func statisticsMessage(s *pgrepl.SlotStatistics) *capturev1.SlotStatistics {
	if s == nil {
		return nil
	}
	return &capturev1.SlotStatistics{
		SpilledTransactions: s.SpilledTransactions, Spills: s.SpillTimes, SpilledBytes: s.SpilledBytes,
		StreamedTransactions: s.StreamedTransactions, Streams: s.StreamTimes, StreamedBytes: s.StreamedBytes,
		TotalTransactions: s.TotalTransactions, TotalBytes: s.TotalBytes, ResetTime: timeMessage(s.Reset),
	}
}

// timeMessage leaves out a time that is not known.
func timeMessage(at time.Time) *timestamppb.Timestamp {
	if at.IsZero() {
		return nil
	}
	return timestamppb.New(at)
}

// lsnText leaves out an LSN that is not known.
func lsnText(at pgrepl.LSN) string {
	if at == 0 {
		return ""
	}
	return at.String()
}
