package queued

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/calypso-cdc/calypso/services/localadx/azstorage"
	"github.com/calypso-cdc/calypso/services/localadx/ingest"
	"github.com/calypso-cdc/calypso/services/localadx/store"
)

// Ends of a request, by ADX's names.
const (
	succeeded = "Succeeded"
	skipped   = "Skipped"
	failed    = "Failed"
)

// outcome is how a request ended.
type outcome struct {
	status           string
	code, details    string
	failure          string // Permanent or Exhausted; empty unless failed
	fromUpdatePolicy bool
}

// failure makes the outcome of an error that another try would not fix, or has not.
func failure(err error) outcome {
	o := outcome{status: failed, code: ingest.CodeInternal, details: err.Error(), failure: "Permanent"}
	var known *ingest.Error
	if errors.As(err, &known) {
		o.code, o.details = known.Code, known.Message
		o.fromUpdatePolicy = known.Code == ingest.CodeUpdatePolicy
		if known.Transient {
			o.failure = "Exhausted"
		}
	}
	return o
}

// settle adds the request's end to the settlement.
func (r *Request) settle(s *store.Settlement, o outcome, operation uuid.UUID) error {
	s.Messages = append(s.Messages, r.MessageID)
	at := time.Now().UTC()
	body, err := json.Marshal(r.statusBody(o, operation, at))
	if err != nil {
		return fmt.Errorf("report on a request to ingest: %w", err)
	}
	wanted := r.Report.Successes
	if o.status == failed {
		wanted = r.Report.Failures
		s.Failures = append(s.Failures, r.failure(o, operation, at))
	}
	// A client that polls the table waits for the end, whatever level it asked for.
	if r.Report.Table != "" {
		s.Statuses = append(s.Statuses, store.StatusUpdate{
			Table: r.Report.Table, PartitionKey: r.Report.PartitionKey, RowKey: r.Report.RowKey, Body: body,
		})
	}
	if r.Report.Queue && wanted {
		queue := azstorage.SucceededQueue
		if o.status == failed {
			queue = azstorage.FailedQueue
		}
		s.Reports = append(s.Reports, store.Report{Queue: queue, Text: string(body)})
	}
	return nil
}

// statusBody is the report in the form of the status table, which holds all that the queues' reports have.
func (r *Request) statusBody(o outcome, operation uuid.UUID, at time.Time) map[string]any {
	body := map[string]any{
		"Status":                     o.status,
		"IngestionSourceId":          r.SourceID,
		"IngestionSourcePath":        r.name(),
		"Database":                   r.Database,
		"Table":                      r.Table,
		"UpdatedOn":                  at.Format(time.RFC3339Nano),
		"OperationId":                operation.String(),
		"ActivityId":                 operation.String(),
		"RootActivityId":             operation.String(),
		"Details":                    o.details,
		"OriginatesFromUpdatePolicy": o.fromUpdatePolicy,
	}
	if o.status == failed {
		body["FailedOn"] = at.Format(time.RFC3339Nano)
		body["ErrorCode"] = o.code
		body["FailureStatus"] = o.failure
		body["ShouldRetry"] = o.failure != "Permanent"
	} else {
		body["SucceededOn"] = at.Format(time.RFC3339Nano)
	}
	return body
}

func (r *Request) failure(o outcome, operation uuid.UUID, at time.Time) store.Failure {
	properties, err := json.Marshal(r.Properties)
	if err != nil {
		properties = []byte("{}")
	}
	return store.Failure{
		OperationID: operation, Database: r.Database, Table: r.Table, FailedOn: at, SourcePath: r.name(), Details: o.details,
		Kind: o.failure, RootActivityID: operation, OperationKind: "DataIngestPull", FromUpdatePolicy: o.fromUpdatePolicy,
		ErrorCode: o.code, ShouldRetry: o.failure != "Permanent", IngestionProperties: string(properties),
	}
}
