package admin

import (
	"cmp"
	"fmt"
	"strings"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/services/admin/lag"
)

// finding is one thing that a verdict rests on.
type finding struct {
	verdict adminv1.Verdict
	reason  string
}

// worst returns the finding that counts: the verdicts are numbered from good to bad, and of equals the first wins.
func worst(findings []finding) finding {
	w := findings[0]
	for _, f := range findings[1:] {
		if f.verdict > w.verdict {
			w = f
		}
	}
	return w
}

// judge sums a pipeline up: the worst of what its source, its slot and its sinks show. It is a pure function of the
// pipeline's other fields.
func judge(p *adminv1.Pipeline) finding {
	findings := []finding{{adminv1.Verdict_VERDICT_HEALTHY, healthyReason(p)}}
	findings = append(findings, judgeConnector(p.SourceStatus)...)
	findings = append(findings, judgeCapture(p.Capture)...)
	for _, s := range p.Sinks {
		findings = append(findings, judgeConnector(s.Status)...)
		if s.Sink.GetRowsDeadLettered() > 0 {
			findings = append(findings, finding{adminv1.Verdict_VERDICT_DEGRADED,
				fmt.Sprintf("%d rows of %s are dead letters", s.Sink.RowsDeadLettered, s.Status.GetName())})
		}
	}
	return worst(findings)
}

// judgeConnector looks at the states that Kafka Connect's status shows.
func judgeConnector(s *connectorv1.ConnectorStatus) (findings []finding) {
	name := s.GetName()
	note := func(what string, state connectorv1.State, trace string) {
		switch state {
		case connectorv1.State_STATE_FAILED:
			findings = append(findings, finding{adminv1.Verdict_VERDICT_BROKEN, what + " failed: " + firstLine(trace)})
		case connectorv1.State_STATE_PAUSED:
			findings = append(findings, finding{adminv1.Verdict_VERDICT_PAUSED, what + " is paused"})
		case connectorv1.State_STATE_STOPPED:
			findings = append(findings, finding{adminv1.Verdict_VERDICT_PAUSED, what + " is stopped"})
		case connectorv1.State_STATE_UNASSIGNED, connectorv1.State_STATE_UNSPECIFIED:
			findings = append(findings, finding{adminv1.Verdict_VERDICT_DEGRADED, what + " waits for a worker to run it"})
		case connectorv1.State_STATE_RESTARTING:
			findings = append(findings, finding{adminv1.Verdict_VERDICT_DEGRADED, what + " restarts"})
		case connectorv1.State_STATE_RUNNING:
		}
	}
	note("connector "+name, s.GetState(), s.GetTrace())
	for _, t := range s.GetTasks() {
		note(fmt.Sprintf("task %d of connector %s", t.Id, name), t.State, t.Trace)
	}
	if s.GetState() == connectorv1.State_STATE_RUNNING && len(s.GetTasks()) == 0 {
		findings = append(findings, finding{adminv1.Verdict_VERDICT_DEGRADED, "connector " + name + " has no task yet"})
	}
	return findings
}

func judgeCapture(c *capturev1.Capture) (findings []finding) {
	switch c.GetPhase() {
	case capturev1.Phase_PHASE_SNAPSHOTTING:
		findings = append(findings, finding{adminv1.Verdict_VERDICT_SNAPSHOTTING, snapshotReason(c)})
	case capturev1.Phase_PHASE_RETRYING:
		findings = append(findings, finding{adminv1.Verdict_VERDICT_DEGRADED, "capture tries again: " + c.Reason})
	case capturev1.Phase_PHASE_FAILED:
		findings = append(findings, finding{adminv1.Verdict_VERDICT_BROKEN, "capture failed: " + c.Reason})
	case capturev1.Phase_PHASE_CONNECTING:
		findings = append(findings, finding{adminv1.Verdict_VERDICT_DEGRADED, "capture connects: " + cmp.Or(c.Reason, "no answer yet")})
	case capturev1.Phase_PHASE_UNSPECIFIED, capturev1.Phase_PHASE_STREAMING:
	}
	// PostgreSQL manual, view pg_replication_slots: unreserved is about to be removed at the next checkpoint.
	switch slot := c.GetSlot(); slot.GetWalStatus() {
	case "lost":
		findings = append(findings, finding{adminv1.Verdict_VERDICT_BROKEN,
			fmt.Sprintf("slot %s lost WAL that was not captured yet: changes are missing; drop the slot and snapshot again", slot.Name)})
	case "unreserved":
		findings = append(findings, finding{adminv1.Verdict_VERDICT_DEGRADED,
			fmt.Sprintf("slot %s is about to be lost: %d bytes of WAL wait for it, more than max_slot_wal_keep_size", slot.Name, slot.RetainedBytes)})
	}
	return findings
}

func snapshotReason(c *capturev1.Capture) string {
	done, tables := 0, len(c.Snapshots)
	for _, t := range c.Snapshots {
		if t.Completed {
			done++
			continue
		}
		if t.RowsEstimated >= 0 {
			return fmt.Sprintf("snapshot of %s: %d of about %d rows", t.Table, t.RowsDone, t.RowsEstimated)
		}
		return fmt.Sprintf("snapshot of %s: %d rows", t.Table, t.RowsDone)
	}
	return fmt.Sprintf("snapshot: %d of %d tables", done, tables)
}

func healthyReason(p *adminv1.Pipeline) string {
	if len(p.Sinks) == 0 {
		return "streaming to Kafka; no sink connector reads its topics"
	}
	waiting := lag.Records(p)
	if waiting == 0 {
		return "streaming; Azure Data Explorer has everything that is in Kafka"
	}
	return fmt.Sprintf("streaming; %d records are on their way from Kafka to Azure Data Explorer", waiting)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return cmp.Or(line, "no reason given")
}
