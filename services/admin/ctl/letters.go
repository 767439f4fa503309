package ctl

import (
	"fmt"

	"github.com/spf13/cobra"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
)

// deadLetters shows, replays and discards records that could not be delivered.
func (s *session) deadLetters() *cobra.Command {
	root := &cobra.Command{Use: "dead-letters", Short: "List, replay or discard records that could not be delivered"}
	// command makes one whose letters are chosen by flags.
	command := func(use, short string, run func(*cobra.Command, string, *sinkv1.DeadLetterFilter) error) *cobra.Command {
		filter := &sinkv1.DeadLetterFilter{}
		cmd := &cobra.Command{Use: use + " CONNECTOR", Short: short, Args: exactly(1), ValidArgsFunction: s.names,
			RunE: func(cmd *cobra.Command, args []string) error { return run(cmd, args[0], filter) }}
		cmd.Flags().StringSliceVar(&filter.Ids, "id", nil, "only the letter with this id; may be given more than once")
		cmd.Flags().StringVar(&filter.Topic, "topic", "", "only letters of this topic")
		cmd.Flags().StringVar(&filter.Reason, "reason", "", "only letters whose reason has this text")
		return cmd
	}
	var most int32
	list := command("list", "Show dead letters, oldest first", func(cmd *cobra.Command, connector string, f *sinkv1.DeadLetterFilter) error {
		r, err := s.sinks().ListDeadLetters(cmd.Context(), &sinkv1.ListDeadLettersRequest{Connector: connector, Filter: f, PageSize: most})
		if err != nil {
			return err
		}
		return s.show(r, func(t *table) {
			letters(t, r.Letters)
			if more := r.Total - int64(len(r.Letters)); more > 0 {
				t.row(fmt.Sprintf("and %d more", more))
			}
		})
	})
	list.Flags().Int32Var(&most, "limit", 100, "at most so many, 1000 at most")

	var replayAll bool
	replay := command("replay", "Make rows of dead letters again and ingest them; exit status 1 if some were refused again", func(cmd *cobra.Command, connector string, f *sinkv1.DeadLetterFilter) error {
		r, err := s.sinks().ReplayDeadLetters(cmd.Context(), &sinkv1.ReplayDeadLettersRequest{Connector: connector, Filter: f, All: replayAll})
		if err != nil {
			return err
		}
		err = s.show(r, func(t *table) {
			t.row(fmt.Sprintf("%d replayed, %d refused again", r.Replayed, len(r.Refused)))
			if len(r.Refused) > 0 {
				letters(t, r.Refused)
			}
		})
		if err == nil && len(r.Refused) > 0 {
			return fmt.Errorf("%w: %d dead letters were refused again", errDifferent, len(r.Refused))
		}
		return err
	})
	replay.Flags().BoolVar(&replayAll, "all", false, "all letters; needed where no filter is given")

	var discardAll bool
	discard := command("discard", "Mark dead letters as done with; their records stay in the topic", func(cmd *cobra.Command, connector string, f *sinkv1.DeadLetterFilter) error {
		r, err := s.sinks().DiscardDeadLetters(cmd.Context(), &sinkv1.DiscardDeadLettersRequest{Connector: connector, Filter: f, All: discardAll})
		if err != nil {
			return err
		}
		return s.show(r, func(t *table) { t.row(fmt.Sprintf("%d discarded", r.Discarded)) })
	})
	discard.Flags().BoolVar(&discardAll, "all", false, "all letters; needed where no filter is given")
	root.AddCommand(list, replay, discard)
	return root
}

func letters(t *table, all []*sinkv1.DeadLetter) {
	t.row("ID", "TIME", "FROM", "REASON")
	for _, l := range all {
		t.row(l.Id, l.Time.AsTime().Format("2006-01-02 15:04:05"), fmt.Sprintf("%s/%d@%d", l.Topic, l.Partition, l.Offset), l.Reason)
	}
}
