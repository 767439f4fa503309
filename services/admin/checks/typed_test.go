package checks

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
)

// awkward is a name in which a shell sees quotes, an expansion, words and a comment.
const awkward = `it's "$HOME" #1`

// typed returns the arguments of each command of calypsoctl in a text that names awkward, as a shell
// parses them when the text is pasted up to the last such name of the command.
func typed(t *testing.T, text, awkward string) (commands [][]string) {
	t.Helper()
	for _, part := range strings.Split(text, "calypsoctl ")[1:] {
		const last = "#1'" // the end of the name in quotes
		end := strings.LastIndex(part, last) + len(last)
		if end < len(last) {
			if strings.Contains(part, "#1") {
				t.Errorf("a name is not quoted in: calypsoctl %s", part)
			}
			continue
		}
		out, err := exec.CommandContext(t.Context(), "sh", "-c", `printf '%s\n' `+part[:end]).Output()
		if err != nil {
			t.Errorf("a shell cannot read: calypsoctl %s: %v", part[:end], err)
			continue
		}
		words := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
		if !slices.Contains(words, awkward) {
			t.Errorf("calypsoctl %s gives the arguments %q", part[:end], words)
		}
		commands = append(commands, words)
	}
	return commands
}

func TestWhatARemedySaysToTypeCanBePastedIntoAShell(t *testing.T) {
	pipeline := func(change func(v *View)) (text string) {
		v := healthy()
		v.Pipeline.Source, v.Pipeline.SourceStatus.Name, v.Pipeline.Capture.Connector = awkward, awkward, awkward
		v.Pipeline.Sinks[0].Status.Name = awkward
		v.Sinks = map[string]map[string]string{awkward: v.Sinks["adx"]}
		change(&v)
		for _, c := range Run(now, v) {
			text += c.Remedy + "\n"
		}
		return text
	}
	for name, test := range map[string]struct {
		change func(v *View)
		want   []string
	}{
		"failed": {func(v *View) {
			v.Pipeline.SourceStatus.State, v.Pipeline.SourceStatus.Trace = connectorv1.State_STATE_FAILED, "no"
		}, []string{"restart", awkward}},
		"paused": {func(v *View) {
			v.Pipeline.SourceStatus.State = connectorv1.State_STATE_PAUSED
		}, []string{"resume", awkward}},
		"a slot that is lost": {func(v *View) {
			v.Pipeline.Capture.Slot.WalStatus = "lost"
		}, []string{"offsets", "reset", awkward}},
		"a slot that nobody reads": {func(v *View) {
			v.Pipeline.Capture.Slot.Active = false
		}, []string{"restart", awkward}},
		"an incremental snapshot of a table": {func(v *View) {
			v.Incremental = &capturev1.IncrementalSnapshot{Tables: []*capturev1.IncrementalTable{{
				Table: `public.` + awkward, State: capturev1.IncrementalTable_STATE_FAILED, Reason: "no"}}}
		}, []string{"snapshot", "start", awkward, "--table", "public." + awkward}},
		"dead letters": {func(v *View) {
			v.Pipeline.Sinks[0].Sink.RowsDeadLettered = 3
		}, []string{"dead-letters", "list", awkward}},
		"a table that lacks something": {func(v *View) {
			v.Tables = []*capturev1.CapturedTable{{Table: "a", Warnings: []string{"Its events have no key."}}}
		}, []string{"get", "tables", awkward}},
	} {
		t.Run(name, func(t *testing.T) {
			text := pipeline(test.change)
			if commands := typed(t, text, awkward); !slices.ContainsFunc(commands, func(words []string) bool {
				return slices.Equal(words, test.want)
			}) {
				t.Errorf("none of %q is %q, of\n%s", commands, test.want, text)
			}
		})
	}
}
