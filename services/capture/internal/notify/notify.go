package notify

import (
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// Kind is the type of a notification, as Debezium names it.
type Kind string

const (
	Started    Kind = "STARTED"
	InProgress Kind = "IN_PROGRESS"
	TableDone  Kind = "TABLE_SCAN_COMPLETED"
	Completed  Kind = "COMPLETED"
	Skipped    Kind = "SKIPPED"
	Paused     Kind = "PAUSED"
	Resumed    Kind = "RESUMED"
	Aborted    Kind = "ABORTED"
)

// Notifier sends notifications about one connector's snapshots.
type Notifier struct {
	channels spec.Notifications
	name     string
	// signals is the signal table, which Debezium counts among those of an initial snapshot; empty if there is none.
	signals string
	log     *slog.Logger
}

// New makes the notifier of a connector.
func New(s *spec.Spec, log *slog.Logger) Notifier {
	return Notifier{channels: s.Notifications, name: s.Prefix, signals: s.Signals.Table, log: log}
}

// Initial reports on the initial snapshot as a whole.
func (n Notifier) Initial(e *debezium.NotificationEncoder, b *debezium.Batch, kind Kind) error {
	return n.tell(e, b, debezium.InitialSnapshot, kind, "")
}

// Table reports that the initial snapshot begins to read a table; all are the names of its tables.
func (n Notifier) Table(e *debezium.NotificationEncoder, b *debezium.Batch, table string, all []string) error {
	return n.tell(e, b, debezium.InitialSnapshot, InProgress, "", "current_collection_in_progress", table,
		"data_collections", strings.Join(debezium.HashSetOrder(all), ","))
}

// TableRead reports that the initial snapshot has read all rows of a table.
func (n Notifier) TableRead(e *debezium.NotificationEncoder, b *debezium.Batch, table string, all []string,
	rows int64) error {
	names := slices.Clone(all)
	if n.signals != "" && !slices.Contains(names, n.signals) {
		names = append(names, n.signals)
	}
	slices.Sort(names)
	return n.tell(e, b, debezium.InitialSnapshot, TableDone, "", "scanned_collection", table, "data_collections",
		strings.Join(names, ","),
		"total_rows_scanned", strconv.FormatInt(rows, 10), "status", "SUCCEEDED")
}

// Incremental reports on the incremental snapshots whose progress is p. pairs are names and values
// of the notification's data.
func (n Notifier) Incremental(e *debezium.NotificationEncoder, b *debezium.Batch, p progress.Incremental, kind Kind,
	pairs ...string) error {
	return n.tell(e, b, debezium.IncrementalSnapshot, kind, p.Signal, pairs...)
}

// Chunk reports that a chunk of the table under way is delivered.
func (n Notifier) Chunk(e *debezium.NotificationEncoder, b *debezium.Batch, p progress.Incremental) error {
	const null = "<null>"
	return n.Incremental(e, b, p, InProgress, "current_collection_in_progress", p.Collections[0].Table.String(),
		"maximum_key", strings.Join(p.Max.Texts(null), ","),
		"last_processed_key", strings.Join(p.Last.Texts(null), ","), "data_collections", p.Names())
}

// Why the reading of a table in chunks ended without rows.
var (
	// ErrNoKey means that the table has no key to read it by, ErrNoTable that it does not exist.
	ErrNoKey   = errors.New("has no primary key")
	ErrNoTable = errors.New("it does not exist")
	// ErrEmpty means that the table has no rows.
	ErrEmpty = errors.New("it has no rows")
)

// Scanned reports that the reading of the table under way has ended; end is nil if it had rows and
// all are delivered.
func (n Notifier) Scanned(e *debezium.NotificationEncoder, b *debezium.Batch, p progress.Incremental, end error) error {
	status := "SUCCEEDED"
	switch {
	case errors.Is(end, ErrNoKey):
		status = "NO_PRIMARY_KEY"
	case errors.Is(end, ErrNoTable):
		status = "UNKNOWN_SCHEMA"
	case errors.Is(end, ErrEmpty):
		status = "EMPTY"
	case end != nil:
		status = "SQL_EXCEPTION"
	}
	err := n.Incremental(e, b, p, TableDone, "scanned_collection", p.Collections[0].Table.String(), "total_rows_scanned",
		strconv.FormatInt(p.Rows, 10),
		"data_collections", p.Names(), "status", status)
	if err != nil || len(p.Collections) > 1 {
		return err
	}
	return n.Incremental(e, b, p, Completed)
}

// tell sends one notification. id is that of the signal that it is about; if empty, the
// notification gets one of its own.
func (n Notifier) tell(e *debezium.NotificationEncoder, b *debezium.Batch, aggregate string, kind Kind, id string,
	pairs ...string) error {
	if !n.channels.Log && n.channels.Topic == "" {
		return nil
	}
	if id == "" {
		id = uuid.NewString()
	}
	what := debezium.Notification{ID: id, Aggregate: aggregate, Type: string(kind), Time: time.Now().UnixMilli(),
		Data: map[string]string{"connector_name": n.name}}
	for i := 0; i+1 < len(pairs); i += 2 {
		what.Data[pairs[i]] = pairs[i+1]
	}
	if n.channels.Log {
		n.log.Info("notification", "id", what.ID, "aggregate_type", what.Aggregate, "type", what.Type,
			"additional_data", what.Data)
	}
	if n.channels.Topic == "" {
		return nil
	}
	return e.Append(b, n.channels.Topic, &what)
}
