package kafka

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestWhatAClientTellsOfEveryTransactionIsNotInTheLogUnlessItIsForDebugging(t *testing.T) {
	for level, want := range map[slog.Level]string{
		slog.LevelInfo:  "WARN slow; ERROR gone",
		slog.LevelDebug: "DEBUG ending transaction; WARN slow; ERROR gone",
	} {
		var out strings.Builder
		log := clientLog(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level})).With("service", "capture"))
		for _, line := range []struct {
			level kgo.LogLevel
			text  string
		}{{kgo.LogLevelInfo, "ending transaction"}, {kgo.LogLevelWarn, "slow"}, {kgo.LogLevelError, "gone"}} {
			if line.level <= log.Level() {
				log.Log(line.level, line.text)
			}
		}
		var got []string
		for line := range strings.Lines(out.String()) {
			_, rest, _ := strings.Cut(line, "level=")
			said, _, _ := strings.Cut(rest, " service=")
			got = append(got, strings.ReplaceAll(strings.Replace(said, " msg=", " ", 1), `"`, ""))
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("at level %v the log has %q, want %q", level, got, want)
		}
	}
}
