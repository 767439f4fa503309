package connectapi

import (
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
)

// rootLogger is the name of the logger at the top.
const rootLogger = "root"

// maxLoggers bounds the names that callers can add.
const maxLoggers = 1000

// Loggers connects the names of /admin/loggers with levels of slog. It is safe for concurrent use.
type Loggers struct {
	mu sync.Mutex
	// levels are the existing loggers by name; a prefix up to a dot names all loggers below it.
	levels map[string]*slog.LevelVar
	// set remembers the levels that were set by name, whether or not such a logger exists, as Kafka
	// Connect does.
	set map[string]setLevel
	now func() time.Time
}

type setLevel struct {
	level    slog.Level
	modified time.Time
}

// NewLoggers makes Loggers of the levels that can be changed, by the names of their loggers; "root"
// is above all others.
func NewLoggers(levels map[string]*slog.LevelVar) *Loggers {
	return &Loggers{levels: maps.Clone(levels), set: map[string]setLevel{}, now: time.Now}
}

// levelNames are log4j's levels. OFF is above everything.
var levelNames = map[string]slog.Level{
	"ALL": math.MinInt, "TRACE": slog.LevelDebug - 4, "DEBUG": slog.LevelDebug, "INFO": slog.LevelInfo,
	"WARN":  slog.LevelWarn,
	"ERROR": slog.LevelError, "FATAL": slog.LevelError + 4, "OFF": math.MaxInt,
}

// nameOf returns log4j's name of the level, or of the next lower one that has a name.
func nameOf(level slog.Level) string {
	best := "ALL"
	for name, l := range levelNames {
		if l <= level && l > levelNames[best] {
			best = name
		}
	}
	return best
}

// loggerLevel is one logger; LastModified is in milliseconds since 1970.
type loggerLevel struct {
	Level        string `json:"level"`
	LastModified *int64 `json:"last_modified"`
}

// All calls visit with each logger, in the order of their names; modified is zero if the level was
// never set.
func (l *Loggers) All(visit func(name, level string, modified time.Time)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	shown := map[string]setLevel{}
	for name, level := range l.levels {
		shown[name] = setLevel{level: level.Level()}
	}
	maps.Copy(shown, l.set)
	for _, name := range slices.Sorted(maps.Keys(shown)) {
		visit(name, nameOf(shown[name].level), shown[name].modified)
	}
}

func (l *Loggers) all() map[string]loggerLevel {
	shown := map[string]loggerLevel{}
	l.All(func(name, level string, modified time.Time) {
		one := loggerLevel{Level: level}
		if !modified.IsZero() {
			at := modified.UnixMilli()
			one.LastModified = &at
		}
		shown[name] = one
	})
	return shown
}

// Set sets a logger and all below it to a level, whose name may be in any case, and returns the
// names of those that had another level; known is false if there is no such level.
func (l *Loggers) Set(name, level string) (changed []string, known bool) {
	to, known := levelNames[strings.ToUpper(level)]
	if !known {
		return nil, false
	}
	return l.setTo(name, to), true
}

// setTo sets a logger and all below it, and returns the names of those that had another level.
func (l *Loggers) setTo(name string, level slog.Level) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	changed := []string{}
	for known, variable := range l.levels {
		if known == name || name == rootLogger || strings.HasPrefix(known, name+".") {
			if variable.Level() == level {
				continue
			}
			variable.Set(level)
			l.set[known] = setLevel{level, l.now()}
			changed = append(changed, known)
		}
	}
	_, exists := l.levels[name]
	if before, isSet := l.set[name]; !exists && (!isSet || before.level != level) && len(l.set) < maxLoggers {
		l.set[name] = setLevel{level, l.now()}
		changed = append(changed, name)
	}
	slices.Sort(changed)
	return changed
}
