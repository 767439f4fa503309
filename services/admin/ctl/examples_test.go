package ctl

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestEveryCommandTeachesByExamplesThatItUnderstands(t *testing.T) {
	told := 0
	var visit func(*cobra.Command)
	visit = func(command *cobra.Command) {
		for _, below := range command.Commands() {
			visit(below)
		}
		if !command.Runnable() || command.HasSubCommands() {
			return
		}
		if command.Example == "" {
			t.Errorf("%s has no example", command.CommandPath())
			return
		}
		told++
		own := 0
		for line := range strings.SplitSeq(command.Example, "\n") {
			line, _, _ = strings.Cut(strings.TrimSpace(line), " > ")
			if strings.HasPrefix(line, "#") {
				continue
			}
			args := words(line)
			if args[0] != "calypsoctl" {
				t.Errorf("%s: %q is no command line", command.CommandPath(), line)
				continue
			}
			// A tree of its own, since flags keep what they were given.
			found, rest, err := rootCommand(&session{}, "").Find(args[1:])
			if err == nil {
				err = found.ParseFlags(rest)
			}
			if err == nil {
				err = found.ValidateArgs(found.Flags().Args())
			}
			if err != nil {
				t.Errorf("%s: %q: %v", command.CommandPath(), line, err)
				continue
			}
			if found.CommandPath() == command.CommandPath() {
				own++
			}
		}
		if own == 0 {
			t.Errorf("no example of %s is one of it", command.CommandPath())
		}
	}
	visit(rootCommand(&session{}, ""))
	if told != len(examples) {
		t.Errorf("%d commands and %d examples: some are of no command", told, len(examples))
	}
}

// words splits a command line as a shell does where nothing but double quotes is special.
func words(line string) (all []string) {
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			all = append(all, part)
		} else {
			all = append(all, strings.Fields(part)...)
		}
	}
	return all
}
