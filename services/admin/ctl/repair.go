package ctl

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	"github.com/calypso-cdc/calypso/services/admin/checks"
)

// repairCommand removes from a pipeline's copies the rows that the source no longer has. As JSON it
// prints each message of the stream on a line.
func repairCommand(s *session) *cobra.Command {
	q := &adminv1.RepairPipelineRequest{}
	var patience time.Duration
	repair := &cobra.Command{
		Use:   "repair PIPELINE",
		Short: "Remove rows that the source no longer has from the present state of tables of changes, for instance after a lost slot; only shows what it would write unless --write is given",
		Args:  exactly(1), ValidArgsFunction: s.names,
		RunE: func(cmd *cobra.Command, args []string) error {
			q.Source, q.Patience = args[0], durationpb.New(patience)
			stream, err := s.admin().RepairPipeline(cmd.Context(), q)
			if err != nil {
				return unsure(err)
			}
			var last *adminv1.RepairSummary
			err = each(stream, func(event *adminv1.RepairPipelineResponse) error {
				last = event.GetSummary()
				return showRepair(s, event)
			})
			if err == nil && last.GetFailures() > 0 {
				return fmt.Errorf("%w: %s", errUnsure, last.Reason)
			}
			return err
		},
	}
	flags := repair.Flags()
	compared(repair, &q.Sink, &q.Tables, &patience, &q.MaxDifferences, 10_000)
	flags.BoolVar(&q.Write, "write", false, "write the deletions; else they are only shown")
	return repair
}

func showRepair(s *session, event *adminv1.RepairPipelineResponse) error {
	if s.output == "json" {
		return s.line(event)
	}
	switch e := event.Event.(type) {
	case *adminv1.RepairPipelineResponse_Comparison:
		if e.Comparison.GetDifference() == nil && e.Comparison.GetSummary() == nil {
			return showVerification(s, e.Comparison)
		}
	case *adminv1.RepairPipelineResponse_Removal:
		r := e.Removal
		fmt.Fprintf(s.out, "%s, key %s: a deletion of version %d as version %d into %s\n", r.Table, strings.Join(r.Key, ", "),
			r.Version, r.DeletionVersion, r.Target)
	case *adminv1.RepairPipelineResponse_Table:
		t := e.Table
		if t.Left > 0 {
			fmt.Fprintf(s.out, "%s: %s only in %s are left: %s\n", t.Table, checks.Plural(int(t.Left), "row", "rows"),
				t.Target, t.Reason)
		}
		if t.Missing > 0 {
			fmt.Fprintf(s.out, "%s: %s missing in %s come with: %s\n", t.Table, checks.Plural(int(t.Missing), "row", "rows"),
				t.Target, t.Refill)
		}
	case *adminv1.RepairPipelineResponse_Summary:
		fmt.Fprintln(s.out, e.Summary.Reason)
	}
	return nil
}
