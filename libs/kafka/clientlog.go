package kafka

import (
	"context"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kslog"
)

// clientLog returns a client's logger that logs its messages at debug level: the client reports
// every transaction, which would push a service's own messages out of a log of bounded size.
// Warnings and errors keep their level.
func clientLog(logger *slog.Logger) kgo.Logger {
	return kslog.New(slog.New(newsForDebugging{logger.Handler()}))
}

type newsForDebugging struct{ slog.Handler }

func (h newsForDebugging) Enabled(ctx context.Context, level slog.Level) bool {
	return h.Handler.Enabled(ctx, lowered(level))
}

func (h newsForDebugging) Handle(ctx context.Context, r slog.Record) error {
	r.Level = lowered(r.Level)
	return h.Handler.Handle(ctx, r)
}

func (h newsForDebugging) WithAttrs(attrs []slog.Attr) slog.Handler {
	return newsForDebugging{h.Handler.WithAttrs(attrs)}
}

func (h newsForDebugging) WithGroup(name string) slog.Handler {
	return newsForDebugging{h.Handler.WithGroup(name)}
}

func lowered(level slog.Level) slog.Level {
	if level == slog.LevelInfo {
		return slog.LevelDebug
	}
	return level
}
