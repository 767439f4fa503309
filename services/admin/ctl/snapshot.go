package ctl

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
)

// snapshotCommand controls incremental snapshots of a source connector.
func snapshotCommand(s *session) *cobra.Command {
	root := &cobra.Command{Use: "snapshot", Short: "Read tables again while the stream goes on"}
	signal := func(use, short string, action capturev1.SnapshotAction, tablesNeeded bool) *cobra.Command {
		q := &capturev1.SignalSnapshotRequest{Action: action}
		var tables []string
		var condition string
		cmd := &cobra.Command{
			Use: use + " CONNECTOR", Short: short, Args: exactly(1), ValidArgsFunction: s.names,
			RunE: func(cmd *cobra.Command, args []string) error {
				q.Connector = args[0]
				for _, t := range tables {
					q.Tables = append(q.Tables, &capturev1.SnapshotTable{Pattern: t, Condition: condition})
				}
				r, err := s.captures().SignalSnapshot(cmd.Context(), q)
				if err != nil {
					return err
				}
				return s.show(r, func(t *table) {
					incremental(t, r.Incremental)
					for _, c := range r.Consequences {
						t.row()
						t.wrapped("", c)
					}
				})
			},
		}
		if action == capturev1.SnapshotAction_SNAPSHOT_ACTION_EXECUTE ||
			action == capturev1.SnapshotAction_SNAPSHOT_ACTION_STOP {
			cmd.Flags().StringArrayVar(&tables, "table", nil,
				"schema.table, or a regular expression of it; may be given more than once")
		}
		if action == capturev1.SnapshotAction_SNAPSHOT_ACTION_EXECUTE {
			cmd.Flags().StringVar(&condition, "where", "", "SQL condition that narrows the rows")
			cmd.Flags().StringVar(&q.SurrogateKey, "surrogate-key", "", "unique column to read by in place of the primary key")
		}
		if tablesNeeded {
			_ = cmd.MarkFlagRequired("table") // fails only for a flag that does not exist
		}
		return cmd
	}
	root.AddCommand(
		signal("start", "Read tables, after those that are being read; their rows come into the topics once more",
			capturev1.SnapshotAction_SNAPSHOT_ACTION_EXECUTE, true),
		signal("pause", "Stop reading until resumed", capturev1.SnapshotAction_SNAPSHOT_ACTION_PAUSE, false),
		signal("resume", "Go on reading", capturev1.SnapshotAction_SNAPSHOT_ACTION_RESUME, false),
		signal("stop", "Give up tables, or all if none is named", capturev1.SnapshotAction_SNAPSHOT_ACTION_STOP, false),
		&cobra.Command{
			Use: "progress CONNECTOR", Short: "Show how far the snapshots are", Args: exactly(1), ValidArgsFunction: s.names,
			RunE: func(cmd *cobra.Command, args []string) error {
				r, err := s.captures().GetSnapshotProgress(cmd.Context(), &capturev1.GetSnapshotProgressRequest{Connector: args[0]})
				if err != nil {
					return err
				}
				return s.show(r, func(t *table) {
					t.row("TABLE", "SNAPSHOT", "STATE", "ROWS", "ESTIMATE", "DETAIL")
					for _, i := range r.Initial {
						state := "reading"
						if i.Completed {
							state = "completed"
						}
						t.row(i.Table, "initial", state, i.RowsDone, estimate(i.RowsEstimated),
							fmt.Sprintf("%d of %d ranges", i.RangesDone, i.RangesTotal))
					}
					incrementalRows(t, r.Incremental)
				})
			},
		},
	)
	return root
}

func incremental(t *table, i *capturev1.IncrementalSnapshot) {
	t.row("TABLE", "SNAPSHOT", "STATE", "ROWS", "ESTIMATE", "DETAIL")
	incrementalRows(t, i)
}

func incrementalRows(t *table, i *capturev1.IncrementalSnapshot) {
	for _, one := range i.GetTables() {
		state := strings.ToLower(strings.TrimPrefix(one.State.String(), "STATE_"))
		if i.Paused && one.State == capturev1.IncrementalTable_STATE_READING {
			state = "paused"
		}
		detail := one.Reason
		if detail == "" && len(one.MaxKey) > 0 {
			detail = fmt.Sprintf("at key %s of %s", strings.Join(one.LastKey, ", "), strings.Join(one.MaxKey, ", "))
		}
		t.row(one.Table, "incremental", state, one.RowsDone, estimate(one.RowsEstimated), detail)
	}
}

func estimate(rows int64) string {
	if rows < 0 {
		return "unknown"
	}
	return fmt.Sprint(rows)
}
