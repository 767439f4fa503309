package secret

import (
	"context"
	"log/slog"
)

// NewHandler makes a handler that removes secrets from what is logged through it to another
// handler.
func NewHandler(to slog.Handler, secrets Values) slog.Handler { return handler{to, secrets} }

// handler removes a connector's secrets from what its tasks log.
type handler struct {
	slog.Handler
	secrets Values
}

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, h.secrets.Hide(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.attribute(a))
		return true
	})
	return h.Handler.Handle(ctx, clean)
}

func (h handler) attribute(a slog.Attr) slog.Attr {
	switch value := a.Value.Resolve(); value.Kind() {
	case slog.KindString:
		return slog.String(a.Key, h.secrets.Hide(value.String()))
	case slog.KindGroup:
		var group []any
		for _, inner := range value.Group() {
			group = append(group, h.attribute(inner))
		}
		return slog.Group(a.Key, group...)
	case slog.KindAny:
		if err, ok := value.Any().(error); ok {
			return slog.String(a.Key, h.secrets.Hide(err.Error()))
		}
	}
	return a
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = h.attribute(a)
	}
	return handler{h.Handler.WithAttrs(clean), h.secrets}
}

func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.Handler.WithGroup(name), h.secrets}
}
