package connectapi

import (
	"fmt"
	"net/http"
	"strings"
)

// loggerCalls handles the calls about loggers.
type loggerCalls struct{ config Config }

func (l *loggerCalls) list(*request) (*answer, error) { return ok(l.config.Loggers.all()), nil }

func (l *loggerCalls) get(r *request) (*answer, error) {
	level, known := l.config.Loggers.all()[r.path["logger"]]
	if !known {
		return nil, notFound("Logger %.300s not found.", r.path["logger"])
	}
	return ok(level), nil
}

func (l *loggerCalls) set(r *request) (*answer, error) {
	object, err := r.object()
	if err != nil {
		return nil, err
	}
	given, present := object["level"]
	if !present || given == nil {
		return nil, badRequest("Desired 'level' parameter was not specified in request.")
	}
	name, err := text(object, "level")
	if err != nil {
		return nil, err
	}
	changed, known := l.config.Loggers.Set(r.path["logger"], name)
	if !known {
		return nil, notFound("invalid log level '%.100s'.", name)
	}
	l.config.Changed(r.Context(), "SetLoggerLevel", "",
		fmt.Sprintf("logger %.300s: %s", r.path["logger"], strings.ToUpper(name)))
	switch scope := r.URL.Query().Get("scope"); strings.ToLower(scope) {
	case "", "worker":
		return ok(changed), nil
	case "cluster":
		return empty(http.StatusNoContent), nil
	default:
		l.config.Logger.Warn("unknown scope of a log level taken for worker", "scope", scope)
		return ok(changed), nil
	}
}
