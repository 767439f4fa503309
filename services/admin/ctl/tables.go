package ctl

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
)

// getTablesCommand lists the tables of a pipeline.
func getTablesCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "tables PIPELINE", Short: "Each table that is captured, with its state and counts, and where each sink puts it",
		Args: exactly(1), ValidArgsFunction: s.names,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := s.admin().ListPipelineTables(cmd.Context(), &adminv1.ListPipelineTablesRequest{Source: args[0]})
			if err != nil {
				return err
			}
			return s.show(r, func(t *table) { pipelineTables(t, r.Tables) })
		},
	}
}

// pipelineTables prints a line for each target of each table.
func pipelineTables(t *table, all []*adminv1.PipelineTable) {
	t.row("TABLE", "STATE", "READ", "INSERTED", "UPDATED", "DELETED", "TRUNCATED", "LAST CHANGE", "VERSION", "IDENTITY",
		"TOPIC", "SINK", "TARGET", "WAITING", "INGESTED SINCE START", "LAST INGESTED", "DETAIL")
	for _, of := range all {
		c := of.Captured
		cells := []any{of.Table, "-", "-", "-", "-", "-", "-", "-", "-", "-", of.Topic}
		detail := append(c.GetKeptBack(), c.GetWarnings()...)
		if c != nil {
			if c.Reason != "" {
				detail = append([]string{c.Reason}, detail...)
			}
			last := moment(c.LastChangeTime)
			if c.LastChangeTime != nil {
				last += " " + c.LastChangeLsn
			}
			cells = []any{of.Table, strings.ToLower(strings.TrimPrefix(c.State.String(), "STATE_")), c.RowsRead, c.RowsInserted,
				c.RowsUpdated, c.RowsDeleted,
				c.Truncates, last, c.SchemaVersion, c.ReplicaIdentity, of.Topic}
		}
		if s := of.Snapshot; s != nil && !s.Completed && s.RowsEstimated >= 0 {
			detail = append([]string{fmt.Sprintf("its snapshot has %d of about %d rows", s.RowsDone, s.RowsEstimated)},
				detail...)
		}
		said := strings.Join(detail, " ")
		if len(of.Sinks) == 0 {
			t.row(append(cells, "-", "-", "-", "-", "-", said)...)
		}
		for _, to := range of.Sinks {
			t.row(append(cells[:len(cells):len(cells)], to.Sink, target(to), to.RecordsWaiting, to.RowsIngested,
				moment(to.LastIngestedTime), said)...)
		}
	}
}

// target is where a sink puts a table; a dash while no record has come that says so.
func target(to *adminv1.PipelineTableSink) string {
	if to.TargetTable == "" {
		return "-"
	}
	return to.TargetDatabase + "." + to.TargetTable
}

// moment is a time as people read it; a dash if there is none.
func moment(at *timestamppb.Timestamp) string {
	if at == nil {
		return "-"
	}
	return at.AsTime().Local().Format(time.DateTime)
}
