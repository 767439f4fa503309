package ctl

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/services/admin/checks"
)

// deadLettersCommand shows, replays and discards records that could not be delivered.
func deadLettersCommand(s *session) *cobra.Command {
	root := &cobra.Command{Use: "dead-letters", Short: "List, replay or discard records that could not be delivered"}
	// command makes a command whose letters are chosen by flags.
	command := func(use, short string, run func(*cobra.Command, string, *sinkv1.DeadLetterFilter) error) *cobra.Command {
		filter := &sinkv1.DeadLetterFilter{}
		cmd := &cobra.Command{Use: use + " CONNECTOR", Short: short, Args: exactly(1), ValidArgsFunction: s.names,
			RunE: func(cmd *cobra.Command, args []string) error { return run(cmd, args[0], filter) }}
		cmd.Flags().StringSliceVar(&filter.Ids, "id", nil, "only the letter with this id; may be given more than once")
		cmd.Flags().StringVar(&filter.Topic, "topic", "", "only letters of this topic")
		cmd.Flags().StringVar(&filter.Reason, "reason", "", "only letters whose reason has this text")
		cmd.Flags().Var((*letterClass)(&filter.Class), "class",
			"only letters of this class: "+strings.Join(letterClasses(), ", "))
		// the flag is there
		_ = cmd.RegisterFlagCompletionFunc("class", cobra.FixedCompletions(letterClasses(),
			cobra.ShellCompDirectiveNoFileComp))
		return cmd
	}
	var most int32
	var after string
	list := command("list", "Show dead letters in the order of their topic; a letter that is chosen by --id with its contents",
		func(cmd *cobra.Command, connector string, f *sinkv1.DeadLetterFilter) error {
			r, err := s.sinks().ListDeadLetters(cmd.Context(),
				&sinkv1.ListDeadLettersRequest{Connector: connector, Filter: f, PageSize: most, PageToken: after})
			if err != nil {
				return err
			}
			return s.show(r, func(t *table) {
				if len(f.Ids) == 1 && len(r.Letters) == 1 {
					describeLetter(t, r.Letters[0])
					return
				}
				letters(t, r.Letters)
				if len(r.Counts) > 0 {
					t.row()
					t.row("CLASS", "LETTERS")
				}
				for _, c := range r.Counts {
					t.row((*letterClass)(&c.Class), c.Letters)
				}
				if r.NextPageToken != "" {
					t.row(fmt.Sprintf("%d of %d are shown; the next: --after %s", len(r.Letters), r.Total, r.NextPageToken))
				}
			})
		})
	list.Flags().Int32Var(&most, "limit", 100, "the most letters to show, 1000 at most")
	list.Flags().StringVar(&after, "after", "", "only those after the letter with this id")

	var replayAll bool
	var value string
	replay := command("replay",
		"Make rows of dead letters again and ingest them; exit status 1 if some were refused again",
		func(cmd *cobra.Command, connector string, f *sinkv1.DeadLetterFilter) error {
			q := &sinkv1.ReplayDeadLettersRequest{Connector: connector, Filter: f, All: replayAll}
			if cmd.Flags().Changed("value") {
				if len(f.Ids) != 1 {
					return fmt.Errorf("%w: --value is for one letter: choose it by --id", errUsage)
				}
				given, err := valueOf(cmd, value)
				if err != nil {
					return fmt.Errorf("%w: read the value of --value: %w", errUsage, err)
				}
				q.Edits = []*sinkv1.DeadLetterEdit{{Id: f.Ids[0], Value: given}}
			}
			r, err := s.sinks().ReplayDeadLetters(cmd.Context(), q)
			if err != nil {
				return err
			}
			refused := max(r.RefusedTotal, int64(len(r.Refused)))
			err = s.show(r, func(t *table) {
				t.row(fmt.Sprintf("%d replayed, %d refused again", r.Replayed, refused))
				if len(r.Refused) > 0 {
					letters(t, r.Refused)
				}
			})
			if err == nil && refused > 0 {
				return fmt.Errorf("%w: %s refused again", errDifferent,
					checks.Plural(int(refused), "dead letter was", "dead letters were"))
			}
			return err
		})
	replay.Flags().StringVar(&value, "value", "",
		"take this value instead of the letter's own: text, @FILE, or - for standard input")
	replay.Flags().BoolVar(&replayAll, "all", false, "all letters; needed where no filter is given")

	var discardAll bool
	discard := command("discard", "Mark dead letters as settled; their records stay in the topic",
		func(cmd *cobra.Command, connector string, f *sinkv1.DeadLetterFilter) error {
			r, err := s.sinks().DiscardDeadLetters(cmd.Context(),
				&sinkv1.DiscardDeadLettersRequest{Connector: connector, Filter: f, All: discardAll})
			if err != nil {
				return err
			}
			return s.show(r, func(t *table) { t.row(fmt.Sprintf("%d discarded", r.Discarded)) })
		})
	discard.Flags().BoolVar(&discardAll, "all", false, "all letters; needed where no filter is given")
	root.AddCommand(list, replay, discard)
	return root
}

// valueOf reads a value that is given as text, as @FILE or as - for standard input.
func valueOf(cmd *cobra.Command, given string) ([]byte, error) {
	name, isFile := strings.CutPrefix(given, "@")
	switch {
	case given == "-":
		return io.ReadAll(cmd.InOrStdin())
	case isFile:
		return os.ReadFile(name)
	}
	return []byte(given), nil
}

func letters(t *table, all []*sinkv1.DeadLetter) {
	t.row("ID", "TIME", "CLASS", "FROM", "REASON")
	for _, l := range all {
		t.row(l.Id, l.Time.AsTime().Format("2006-01-02 15:04:05"), (*letterClass)(&l.Class).String(),
			fmt.Sprintf("%s/%d@%d", l.Topic, l.Partition, l.Offset), l.Reason)
	}
}

// describeLetter shows everything that is known about a letter, one item on each line.
func describeLetter(t *table, l *sinkv1.DeadLetter) {
	line := func(name, value string) {
		if value != "" {
			t.row(name, value)
		}
	}
	line("id", l.Id)
	line("from", fmt.Sprintf("%s/%d@%d", l.Topic, l.Partition, l.Offset))
	line("time", l.Time.AsTime().Format(time.RFC3339))
	line("class", (*letterClass)(&l.Class).String())
	line("reason", l.Reason)
	line("column", l.Column)
	if l.ErrorCode != "" {
		line("error code", fmt.Sprintf("%s, permanent: %t", l.ErrorCode, l.Permanent))
	}
	if l.Connector != "" {
		line("written by", fmt.Sprintf("task %d of %s", l.Task, l.Connector))
	}
	line("trace", l.TraceId)
	d := l.GetDecoded()
	line("key", d.GetKey())
	line("op", d.GetOp())
	line("before", d.GetBefore())
	line("after", d.GetAfter())
	line("row", d.GetRow())
	line("lsn", d.GetSourceLsn())
	if d.GetSourceTime() != nil {
		line("changed", d.SourceTime.AsTime().Format(time.RFC3339Nano))
	}
	line("not decoded", d.GetFailure())
}

// letterClass is a class of letters as a flag: its name in small letters, without the enumeration's.
type letterClass sinkv1.DeadLetterClass

const letterClassPrefix = "DEAD_LETTER_CLASS_"

// letterClasses are the names of the classes.
func letterClasses() (names []string) {
	for i := int32(1); ; i++ {
		name, ok := sinkv1.DeadLetterClass_name[i]
		if !ok {
			return names
		}
		names = append(names, strings.ToLower(strings.TrimPrefix(name, letterClassPrefix)))
	}
}

func (c *letterClass) String() string {
	if *c == 0 {
		return ""
	}
	return strings.ToLower(strings.TrimPrefix(sinkv1.DeadLetterClass(*c).String(), letterClassPrefix))
}

func (c *letterClass) Set(name string) error {
	number, ok := sinkv1.DeadLetterClass_value[letterClassPrefix+strings.ToUpper(name)]
	if !ok || number == 0 {
		return fmt.Errorf("take one of %s", strings.Join(letterClasses(), ", "))
	}
	*c = letterClass(number)
	return nil
}

func (c *letterClass) Type() string { return "class" }
