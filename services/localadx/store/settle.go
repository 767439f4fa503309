package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/calypso-cdc/calypso/services/localadx/azstorage"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// failuresKept is how long ingestion failures are shown, ADX's.
const failuresKept = 14 * 24 * time.Hour

// Settlement is the end of requests to ingest: what is removed, and what is reported where. It is
// applied in one transaction, with the rows when there are any.
type Settlement struct {
	// Messages are the IDs of the queue messages that are done.
	Messages []string
	Statuses []StatusUpdate
	Reports  []Report
	Failures []Failure
}

// StatusUpdate changes an entity of the status table.
type StatusUpdate struct {
	Table, PartitionKey, RowKey string
	Body                        json.RawMessage
}

// Report is a message for a queue that the client reads.
type Report struct {
	Queue, Text string
}

// Failure is a record of `.show ingestion failures`.
type Failure struct {
	OperationID         uuid.UUID
	Database            string
	Table               string
	FailedOn            time.Time
	SourcePath          string
	Details             string
	Kind                string // Permanent or Transient
	RootActivityID      uuid.UUID
	OperationKind       string // DataIngestPull, StreamingIngest, …
	FromUpdatePolicy    bool
	ErrorCode           string
	ShouldRetry         bool
	IngestionProperties string
}

// Settle applies the settlement together with the ingestion's rows.
func (in *Ingestion) Settle(settlement Settlement) error {
	if err := in.closeAppender(); err != nil {
		return err
	}
	return settle(in.ctx, in.conn, settlement)
}

// Settle applies a settlement that has no rows.
func (s *Store) Settle(ctx context.Context, settlement Settlement) error {
	return transact(ctx, s, func(conn *sql.Conn) error { return settle(ctx, conn, settlement) })
}

func settle(ctx context.Context, conn *sql.Conn, settlement Settlement) error {
	if err := deleteMessages(ctx, conn, settlement.Messages); err != nil {
		return err
	}
	for _, status := range settlement.Statuses {
		if err := mergeEntity(ctx, conn, status.Table, status.PartitionKey, status.RowKey, status.Body); err != nil {
			return err
		}
	}
	at := value.TicksOf(time.Now())
	for _, report := range settlement.Reports {
		_, err := conn.ExecContext(ctx, "INSERT INTO adx.messages VALUES (uuid(), ?, ?, ?)", report.Queue, at, report.Text)
		if err != nil {
			return fmt.Errorf("report to queue %s: %w", report.Queue, err)
		}
	}
	for _, failure := range settlement.Failures {
		body, err := json.Marshal(failure)
		if err != nil {
			return fmt.Errorf("record an ingestion failure: %w", err)
		}
		if _, err := conn.ExecContext(ctx, "INSERT INTO adx.failures VALUES (?, ?)", value.TicksOf(failure.FailedOn),
			string(body)); err != nil {
			return fmt.Errorf("record an ingestion failure: %w", err)
		}
	}
	return nil
}

func deleteMessages(ctx context.Context, conn *sql.Conn, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	list := strings.TrimSuffix(strings.Repeat("CAST(? AS UUID),", len(ids)), ",")
	if _, err := conn.ExecContext(ctx, "DELETE FROM adx.messages WHERE id IN ("+list+")", args...); err != nil {
		return fmt.Errorf("delete the messages that are done: %w", err)
	}
	return nil
}

// Failures lists the failed ingestions of the last 14 days, newest first.
func (s *Store) Failures(ctx context.Context) ([]Failure, error) {
	var failures []Failure
	err := each(ctx, s, "SELECT body FROM adx.failures WHERE failed_on >= ? ORDER BY failed_on DESC",
		func(scan func(...any) error) error {
			var body string
			if err := scan(&body); err != nil {
				return err
			}
			var f Failure
			if err := json.Unmarshal([]byte(body), &f); err != nil {
				return err
			}
			failures = append(failures, f)
			return nil
		}, value.TicksOf(time.Now().Add(-failuresKept)))
	if err != nil {
		return nil, fmt.Errorf("read the ingestion failures: %w", err)
	}
	return failures, nil
}

// Forget removes failures, statuses and reports that are older than their readers may expect.
func (s *Store) Forget(ctx context.Context) error {
	before := value.TicksOf(time.Now().Add(-failuresKept))
	return transact(ctx, s, func(conn *sql.Conn) error {
		for _, statement := range []string{
			"DELETE FROM adx.failures WHERE failed_on < ?",
			"DELETE FROM adx.entities WHERE updated < ?",
			"DELETE FROM adx.messages WHERE queue <> '" + azstorage.IngestionQueue + "' AND inserted < ?",
		} {
			if _, err := conn.ExecContext(ctx, statement, before); err != nil {
				return fmt.Errorf("remove old reports: %w", err)
			}
		}
		return nil
	})
}

// NewFailure makes the record of an ingestion that failed now.
func NewFailure(database, table, operationKind, code, details string, transient bool) Failure {
	kind := "Permanent"
	if transient {
		kind = "Transient"
	}
	return Failure{
		OperationID: uuid.New(), Database: database, Table: table, FailedOn: time.Now().UTC(), Details: details, Kind: kind,
		RootActivityID: uuid.New(), OperationKind: operationKind, ErrorCode: code, ShouldRetry: transient,
	}
}
