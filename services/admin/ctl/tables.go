package ctl

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	"github.com/calypso-cdc/calypso/services/admin/lateness"
)

// getTablesCommand lists the tables of a pipeline, or those of all pipelines that are latest.
func getTablesCommand(s *session) *cobra.Command {
	var request adminv1.ListTablesRequest
	command := &cobra.Command{
		Use:   "tables [PIPELINE]",
		Short: "The tables of all pipelines, latest first, with what holds them up; or those of one pipeline, with state, counts and targets",
		Args:  between(0, 1), ValidArgsFunction: s.names,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				r, err := s.admin().ListTables(cmd.Context(), &request)
				if err != nil {
					return err
				}
				return s.showPart(r, r.Unreachable, func(t *table) { tables(t, r) })
			}
			r, err := s.admin().ListPipelineTables(cmd.Context(), &adminv1.ListPipelineTablesRequest{Source: args[0]})
			if err != nil {
				return err
			}
			return s.showPart(r, r.Unreachable, func(t *table) { pipelineTables(t, r.Tables) })
		},
	}
	flags := command.Flags()
	flags.StringVar(&request.Filter, "filter", "", "for all pipelines: only rows with this text in the name of source, table, sink or target")
	flags.BoolVar(&request.LateOnly, "late", false, "for all pipelines: only tables that are late for a reason, or of which it is not known")
	flags.StringVar(&request.OrderBy, "order", "late", "for all pipelines: the order of the tables, which is late, name or waiting")
	flags.Int32Var(&request.PageSize, "limit", 50, "for all pipelines: the most rows to show, 1000 at most")
	return command
}

// tables prints the tables of all pipelines, and what to do about those that are late.
func tables(t *table, r *adminv1.ListTablesResponse) {
	t.row("TABLE", "LATE", "HELD AT", "SINCE", "WAITING", "PIPELINE", "SINK", "TARGET", "CHECK", "BECAUSE")
	for _, of := range r.Tables {
		late, held, since := "-", "-", "-"
		if of.HeldAt != 0 {
			late, held, since = lateness.Age(of.LateSeconds), lateness.Way(of.HeldAt), moment(of.HeldSince)
			if of.LateSeconds == 0 && of.Check != "" {
				late = "not known"
			}
		}
		t.row(cmp.Or(of.Table, "topic "+of.Topic), late, held, since, of.RecordsWaiting, of.Source, cmp.Or(of.Sink, "-"),
			cmp.Or(of.Target, "-"), cmp.Or(of.Check, "-"), cmp.Or(of.Because, "-"))
	}
	remedies := map[string]bool{}
	for _, of := range r.Tables {
		if of.Remedy != "" && !remedies[of.Remedy] {
			remedies[of.Remedy] = true
			t.wrapped(cmp.Or(of.Table, of.Topic)+" to do", of.Remedy)
		}
	}
	if more := int(r.TotalSize) - len(r.Tables); more > 0 {
		t.row(fmt.Sprintf("and %d more: --limit, --filter", more))
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

// target is where a sink puts a table; a dash until a record has shown that.
func target(to *adminv1.PipelineTableSink) string {
	if to.TargetTable == "" {
		return "-"
	}
	return to.TargetDatabase + "." + to.TargetTable
}

// moment formats a time for people; a dash if there is none.
func moment(at *timestamppb.Timestamp) string {
	if at == nil {
		return "-"
	}
	return at.AsTime().Local().Format(time.DateTime)
}
