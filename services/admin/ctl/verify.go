package ctl

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	"github.com/calypso-cdc/calypso/services/admin/checks"
)

// verifyCommand compares a pipeline's source with its copies. As JSON it prints each message of the stream on a line.
func verifyCommand(s *session) *cobra.Command {
	q := &adminv1.VerifyPipelineRequest{}
	var patience time.Duration
	verify := &cobra.Command{
		Use:   "verify PIPELINE",
		Short: "Compare the source's tables with Azure Data Explorer while changes flow; exit status 0 if equal, 1 if different, 2 on error",
		Args:  exactly(1), ValidArgsFunction: s.names,
		RunE: func(cmd *cobra.Command, args []string) error {
			q.Source, q.Patience = args[0], durationpb.New(patience)
			stream, err := s.admin().VerifyPipeline(cmd.Context(), q)
			if err != nil {
				return unsure(err)
			}
			var last *adminv1.VerifySummary
			if err := each(stream, func(event *adminv1.VerifyPipelineResponse) error {
				last = event.GetSummary()
				return showVerification(s, event)
			}); err != nil {
				return err
			}
			return verified(last)
		},
	}
	compared(verify, &q.Sink, &q.Tables, &patience, &q.MaxDifferences, 100)
	return verify
}

// compared adds the flags that say what a comparison looks at.
func compared(command *cobra.Command, sink *string, tables *[]string, patience *time.Duration, most *int32,
	mostUnlessSet int32) {
	flags := command.Flags()
	flags.StringVar(sink, "sink", "", "only this sink connector")
	flags.StringArrayVar(tables, "table", nil, "only this table (schema.table); may be given more than once")
	flags.DurationVar(patience, "patience", 90*time.Second,
		"how long a change may take to arrive; longer than the sink's flush.interval.ms")
	flags.Int32Var(most, "max", mostUnlessSet, "end a table's comparison after this many differing keys")
}

// each passes the messages of a stream to show, until the stream ends or something fails.
func each[M any](stream interface{ Recv() (M, error) }, show func(M) error) error {
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = show(m)
		}
		if err != nil {
			return unsure(err)
		}
	}
}

func unsure(err error) error {
	return fmt.Errorf("%w: %s", errUnsure, status.Convert(err).Message())
}

func verified(s *adminv1.VerifySummary) error {
	switch {
	case s == nil:
		return fmt.Errorf("%w: there is no summary", errUnsure)
	case s.Failures > 0:
		return fmt.Errorf("%w: %s", errUnsure, s.Reason)
	case !s.Equal:
		return fmt.Errorf("%w: %s", errDifferent, s.Reason)
	}
	return nil
}

func showVerification(s *session, event *adminv1.VerifyPipelineResponse) error {
	if s.output == "json" {
		return s.line(event)
	}
	switch e := event.Event.(type) {
	case *adminv1.VerifyPipelineResponse_Progress:
		p := e.Progress
		said := fmt.Sprintf("%s: %d of %d rows compared; %s and may be on the way\n", p.Table, p.RowsCompared, p.RowsTotal,
			checks.Plural(int(p.Pending), "row differs", "rows differ"))
		if p.Pending > 0 && said != s.said { // progress comes every second or two, even while nothing changes
			fmt.Fprint(s.out, said)
			s.said = said
		}
	case *adminv1.VerifyPipelineResponse_Difference:
		d := e.Difference
		fmt.Fprintf(s.out, "%s, key %s: %s\n", d.Table, strings.Join(d.Key, ", "), map[adminv1.RowDifference_Kind]string{
			adminv1.RowDifference_KIND_MISSING:   "missing in Azure Data Explorer",
			adminv1.RowDifference_KIND_EXTRA:     "only in Azure Data Explorer",
			adminv1.RowDifference_KIND_DIFFERENT: "other values"}[d.Kind])
	case *adminv1.VerifyPipelineResponse_Table:
		showTable(s.out, e.Table)
	case *adminv1.VerifyPipelineResponse_Summary:
		fmt.Fprintln(s.out, e.Summary.Reason)
	}
	return nil
}

func showTable(out io.Writer, t *adminv1.TableVerification) {
	if t.Failure != "" {
		fmt.Fprintf(out, "%s could not be compared with %s of %s: %s\n", t.Table, cmp.Or(t.Target, "its copy"),
			t.Sink, t.Failure)
		return
	}
	outcome := "equal"
	if t.GetRepeatedRows() > 0 {
		outcome = "equal in the latest row of each key"
	}
	switch {
	case !t.Equal && t.Truncated:
		outcome = "at least " + checks.Plural(int(t.Differences), "key differs", "keys differ")
	case !t.Equal:
		outcome = checks.Plural(int(t.Differences), "key differs", "keys differ")
	case t.Unsettled > 0:
		outcome += fmt.Sprintf(" but for %s all the time",
			checks.Plural(int(t.Unsettled), "row that changed", "rows that changed"))
	}
	if t.GetRepeatedRows() > 0 {
		outcome += ", and " + checks.Plural(int(t.GetRepeatedRows()), "row came", "rows came") + " more than once"
	}
	fmt.Fprintf(out, "%s and %s of %s: %s\n", t.Table, t.Target, t.Sink, outcome)
	fmt.Fprintf(out,
		"  PostgreSQL had %s, Azure Data Explorer %s, when they were counted; what was on its way at the beginning is compared too\n",
		extent(t.SourceExtent), extent(t.TargetExtent))
	fmt.Fprintf(out, "  compared: %s\n", strings.Join(t.ColumnsCompared, ", "))
	for _, left := range t.ColumnsLeftOut {
		fmt.Fprintf(out, "  left out: %s\n", left)
	}
}

func extent(e *adminv1.TableExtent) string {
	if e.GetLowKey() == "" {
		return checks.Plural(int(e.GetRows()), "row", "rows")
	}
	return fmt.Sprintf("%s, keys %s to %s", checks.Plural(int(e.Rows), "row", "rows"), e.LowKey, e.HighKey)
}
