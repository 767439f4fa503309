package connector

import (
	"context"
	"log/slog"
)

// scrubbing takes a connector's secrets out of what its tasks log.
type scrubbing struct {
	slog.Handler
	secrets secretValues
}

func (h scrubbing) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, h.secrets.scrub(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.attribute(a))
		return true
	})
	return h.Handler.Handle(ctx, clean)
}

func (h scrubbing) attribute(a slog.Attr) slog.Attr {
	switch value := a.Value.Resolve(); value.Kind() {
	case slog.KindString:
		return slog.String(a.Key, h.secrets.scrub(value.String()))
	case slog.KindGroup:
		var group []any
		for _, inner := range value.Group() {
			group = append(group, h.attribute(inner))
		}
		return slog.Group(a.Key, group...)
	case slog.KindAny:
		if err, ok := value.Any().(error); ok {
			return slog.String(a.Key, h.secrets.scrub(err.Error()))
		}
	}
	return a
}

func (h scrubbing) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = h.attribute(a)
	}
	return scrubbing{h.Handler.WithAttrs(clean), h.secrets}
}

func (h scrubbing) WithGroup(name string) slog.Handler {
	return scrubbing{h.Handler.WithGroup(name), h.secrets}
}
