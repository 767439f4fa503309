package telemetry

import (
	"context"
	"io"
	"log/slog"
	"os"
	"regexp"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// repeatInterval is how long equal warnings or errors are held back after one was written.
const repeatInterval = 10 * time.Second

// NewLogger returns a logger that writes one JSON object per line to w.
//
//   - trace_id and span_id of the context's span are added where there is one.
//   - Of equal warnings and errors (same level, message and attributes except for Passing ones) only
//     one is written each ten seconds; the next one says in "repeated" how many were held back.
//   - The value of an attribute whose key names a secret (password, token, appkey, …) is masked. This is the second
//     line of defence: values that are secret have type Secret.
func NewLogger(w io.Writer, level slog.Leveler) *slog.Logger {
	json := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: maskSecrets})
	// Repetitions are detected before trace ids are added, since these differ each time.
	return slog.New(newRepeatHandler(traceHandler{json}, repeatInterval, time.Now))
}

// levelFromEnvironment reads LOG_LEVEL; an absent or unreadable value means info.
func levelFromEnvironment() slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(os.Getenv("LOG_LEVEL"))); err != nil {
		return slog.LevelInfo
	}
	return level
}

// mask is what is logged instead of a secret.
const mask = "********"

var secretKey = regexp.MustCompile(
	`(?i)(password|passphrase|secret|token|credential|appkey|connection.?string|sasl\.jaas\.config)$`)

func maskSecrets(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindString && a.Value.String() != "" && secretKey.MatchString(a.Key) {
		return slog.String(a.Key, mask)
	}
	return a
}

// traceHandler adds the ids of the context's span to every record.
type traceHandler struct{ slog.Handler }

func (h traceHandler) Handle(ctx context.Context, r slog.Record) error {
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		r = r.Clone()
		r.AddAttrs(slog.String("trace_id", sc.TraceID().String()), slog.String("span_id", sc.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

func (h traceHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return traceHandler{h.Handler.WithAttrs(attrs)}
}

func (h traceHandler) WithGroup(name string) slog.Handler {
	return traceHandler{h.Handler.WithGroup(name)}
}
