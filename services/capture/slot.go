package capture

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/connections"
	"github.com/calypso-cdc/calypso/services/capture/internal/preflight"
)

const (
	// slotMaxAge is how old a shown slot state may be, idleMaxAge that of a connector that does not run.
	slotMaxAge = 5 * time.Second
	idleMaxAge = 30 * time.Second
	// slotsAtOnce is how many servers a call asks at the same time.
	slotsAtOnce = 32
)

// withSlot asks the server for the slot's state, at most every slotMaxAge in the same phase: a stream that has just begun is not to be
// judged by a slot that nobody read before.
func (e *entry) withSlot(ctx context.Context) *capturev1.Capture {
	if e.spec.Slot.Name == "" { // a connector that polls
		return e.snapshot()
	}
	e.slotMu.Lock()
	defer e.slotMu.Unlock()
	oldest := slotMaxAge
	if e.idled() {
		oldest = idleMaxAge
	}
	const attempts = 3 // a phase may end while the server is asked
	for range attempts {
		turn := e.phases()
		if turn == e.slotTurn && time.Since(e.slotAt) <= oldest {
			break
		}
		e.slotAt, e.slotTurn = time.Now(), turn
		e.slot, e.unseen = e.readSlot(ctx)
	}
	out := e.snapshot()
	out.Slot = e.slot
	if e.idled() && e.unseen != nil {
		out.Reason = e.hidden(fmt.Sprintf("Its task does not run, and its slot, for which the server keeps log, cannot be looked at: %v", e.unseen))
	}
	return out
}

// readSlot fails where the server cannot be asked.
func (e *entry) readSlot(ctx context.Context) (*capturev1.Slot, error) {
	ctx, cancel := context.WithTimeout(ctx, connections.Question)
	defer cancel()
	conn, err := e.spec.Connection.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer func(c *pgx.Conn) { c.Close(context.WithoutCancel(ctx)) }(conn)
	server, err := pgrepl.InspectServer(ctx, conn)
	if err != nil {
		return nil, err
	}
	slot, err := pgrepl.InspectSlot(ctx, conn, server, e.spec.Slot.Name)
	if err != nil {
		return nil, err
	}
	if slot == nil {
		return &capturev1.Slot{Name: e.spec.Slot.Name, Missing: true}, nil
	}
	out := slotMessage(slot, e.spec.Publication.Name)
	if !pgrepl.BuiltIn(slot.Plugin) {
		listed, err := pgrepl.ListsPlugins(ctx, conn)
		out.PluginUnlisted = err == nil && !listed
	}
	// Without statistics the slot is shown all the same.
	if statistics, err := pgrepl.InspectSlotStatistics(ctx, conn, server, e.spec.Slot.Name); err == nil && statistics != nil {
		out.Statistics = statisticsMessage(statistics)
	}
	if holders, err := pgrepl.Holders(ctx, conn, preflight.OpenForLong); err == nil {
		for _, h := range holders {
			out.Holders = append(out.Holders, holderMessage(h))
		}
	}
	return out, nil
}

func holderMessage(h pgrepl.Holder) *capturev1.SlotHolder {
	out := &capturev1.SlotHolder{What: h.What, Remedy: h.Remedy}
	if !h.Since.IsZero() {
		out.BeginTime = timestamppb.New(h.Since)
	}
	return out
}

func slotMessage(slot *pgrepl.SlotState, publication string) *capturev1.Slot {
	out := &capturev1.Slot{
		Name: slot.Name, Plugin: slot.Plugin, Publication: publication, RestartLsn: slot.RestartLSN.String(),
		ConfirmedFlushLsn: slot.ConfirmedFlush.String(), RetainedBytes: slot.Retained, WalStatus: slot.WALStatus, SafeWalBytes: slot.SafeWAL, Active: slot.Active,
		ActivePid: slot.ActivePID, Failover: slot.Failover, Conflicting: slot.Conflicting, WaitEvent: slot.WaitEvent,
	}
	if !slot.InactiveSince.IsZero() {
		out.InactiveSince = timestamppb.New(slot.InactiveSince)
	}
	return out
}

func statisticsMessage(s *pgrepl.SlotStatistics) *capturev1.SlotStatistics {
	out := &capturev1.SlotStatistics{
		SpilledTransactions: s.SpilledTransactions, Spills: s.SpillTimes, SpilledBytes: s.SpilledBytes,
		StreamedTransactions: s.StreamedTransactions, Streams: s.StreamTimes, StreamedBytes: s.StreamedBytes,
		TotalTransactions: s.TotalTransactions, TotalBytes: s.TotalBytes,
	}
	if !s.Reset.IsZero() {
		out.ResetTime = timestamppb.New(s.Reset)
	}
	return out
}
