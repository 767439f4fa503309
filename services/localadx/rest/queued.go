package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/calypso-cdc/calypso/services/localadx/azstorage"
	"github.com/calypso-cdc/calypso/services/localadx/command"
	"github.com/calypso-cdc/calypso/services/localadx/ingest"
)

// Limits of the REST form of queued ingestion, as its configuration tells them to clients.
const (
	maxBlobsPerRequest = 20
	maxBlobSize        = 6 << 30
)

// operationTable holds the state of sources whose client asked for tracking: partition is the
// operation, row the source.
const operationTable = "ingestoperations"

// queued answers the REST form of queued ingestion (preview API "ingest-v2").
func (h *Handler) queued(x *exchange, path string) {
	segments := strings.Split(strings.Trim(x.URL.EscapedPath(), "/"), "/")
	switch {
	case x.Method == http.MethodGet && path == "/v1/rest/ingestion/configuration":
		h.sendJSON(x, h.ingestionConfiguration(x))
	case x.Method == http.MethodPost && len(segments) == 6 && strings.EqualFold(segments[3], "queued"):
		h.enqueue(x, segments[4], segments[5])
	case x.Method == http.MethodGet && len(segments) == 7 && strings.EqualFold(segments[3], "queued"):
		h.operationStatus(x, segments[6])
	default:
		h.fail(x, &protocolError{status: http.StatusNotFound, code: "NotFound",
			message: "there is nothing at " + x.Method + " " + x.URL.Path})
	}
}

func (h *Handler) ingestionConfiguration(x *exchange) any {
	type container struct {
		Path string `json:"path"`
	}
	containers := []container{}
	for _, r := range h.config.Resources.IngestionResources(h.config.StorageURL(x.Request)) {
		if r[0] == command.TempStorage {
			containers = append(containers, container{r[1]})
		}
	}
	return map[string]any{
		"containerSettings": map[string]any{
			"containers": containers, "lakeFolders": []container{}, "refreshInterval": "01:00:00",
			"preferredUploadMethod": "Storage",
		},
		"ingestionSettings": map[string]any{
			"maxBlobsPerBatch": maxBlobsPerRequest, "maxDataSize": int64(maxBlobSize), "preferredIngestionMethod": "Rest",
		},
	}
}

// ingestRequest is the body of a request to ingest blobs.
type ingestRequest struct {
	Blobs []struct {
		URL      string `json:"url"`
		SourceID string `json:"sourceId"`
		RawSize  int64  `json:"rawSize"`
	} `json:"blobs"`
	Properties map[string]json.RawMessage `json:"properties"`
}

func (h *Handler) enqueue(x *exchange, escapedDatabase, escapedTable string) {
	database, err := url.PathUnescape(escapedDatabase)
	var table string
	if err == nil {
		table, err = url.PathUnescape(escapedTable)
	}
	if err != nil {
		h.fail(x, badRequest("the path is not escaped well: %v", err))
		return
	}
	operation, err := h.accept(x, database, table)
	if err != nil {
		h.fail(x, err)
		return
	}
	h.sendJSON(x, map[string]string{"ingestionOperationId": operation})
}

// accept turns the blobs into queue messages. The operation's identifier is empty unless the client asks for tracking.
func (h *Handler) accept(x *exchange, database, table string) (string, error) {
	body, err := readBody(x.Request, maxBody)
	if err != nil {
		return "", err
	}
	var asked ingestRequest
	if err := json.Unmarshal(body, &asked); err != nil {
		return "",
			badRequest("the body is not JSON of the form {\"blobs\":[{\"url\":\"…\"}],\"properties\":{\"format\":\"…\"}}: %v",
				err)
	}
	if len(asked.Blobs) == 0 || len(asked.Blobs) > maxBlobsPerRequest {
		return "", badRequest("a request names between 1 and %d blobs", maxBlobsPerRequest)
	}
	d, err := h.config.Store.Catalog().Database(database)
	if err != nil {
		return "", err
	}
	if _, err := d.Table(table); err != nil {
		return "", err
	}
	properties, err := plainProperties(asked.Properties)
	if err != nil {
		return "", err
	}
	operation := ""
	if strings.EqualFold(properties["enableTracking"], "true") {
		operation = uuid.NewString()
	}
	for _, blob := range asked.Blobs {
		source := blob.SourceID
		if source == "" {
			source = uuid.NewString()
		}
		message := map[string]any{
			"Id": source, "BlobPath": blob.URL, "RawDataSize": blob.RawSize, "DatabaseName": d.Name, "TableName": table,
			"FlushImmediately": strings.EqualFold(properties["skipBatching"], "true"), "AdditionalProperties": properties,
		}
		if operation != "" {
			if err := h.track(x, message, operation, source, blob.URL); err != nil {
				return "", err
			}
		}
		text, err := json.Marshal(message)
		if err != nil {
			return "", fmt.Errorf("write a request to ingest: %w", err)
		}
		if _, err := h.config.Ingestor.Enqueue(x.Context(), azstorage.IngestionQueue, string(text)); err != nil {
			return "", err
		}
	}
	return operation, nil
}

// track makes the source's state, which the ingestion will change.
func (h *Handler) track(x *exchange, message map[string]any, operation, source, blobURL string) error {
	location, _, _ := strings.Cut(blobURL, "?")
	at := time.Now().UTC().Format(time.RFC3339Nano)
	state, err := json.Marshal(map[string]any{"Status": "InProgress", "IngestionSourceId": source,
		"IngestionSourcePath": location, "UpdatedOn": at, "StartedOn": at})
	if err != nil {
		return fmt.Errorf("write a source's state: %w", err)
	}
	message["ReportLevel"], message["ReportMethod"] = 2, 1
	message["IngestionStatusInTable"] = map[string]string{"TableConnectionString": "/" + operationTable,
		"PartitionKey": operation, "RowKey": source}
	return h.config.Store.Entities().MergeEntity(x.Context(), operationTable, operation, source, state)
}

// plainProperties gives the properties the form that queue messages have: lists as JSON within strings.
func plainProperties(raw map[string]json.RawMessage) (map[string]string, error) {
	properties := make(map[string]string, len(raw))
	for name, text := range raw {
		properties[name] = string(text)
		if len(text) > 0 && text[0] == '"' {
			var s string
			if err := json.Unmarshal(text, &s); err != nil {
				return nil, badRequest("property %s: %v", name, err)
			}
			properties[name] = s
		}
		if string(text) == "null" {
			delete(properties, name)
		}
	}
	return properties, nil
}

// sourceState is a tracked source, as queued ingestion keeps it.
type sourceState struct {
	Status, IngestionSourceID, IngestionSourcePath, ErrorCode, FailureStatus, Details string
	UpdatedOn, StartedOn                                                              time.Time
}

// operationStatus answers GET …/queued/{database}/{table}/{operation}?details=true.
func (h *Handler) operationStatus(x *exchange, operation string) {
	entities, err := h.config.Store.Entities().EntitiesOf(x.Context(), operationTable, operation)
	if err == nil && len(entities) == 0 {
		err = &protocolError{status: http.StatusNotFound, code: "NotFound",
			message: "there is no tracked ingestion operation " + operation, permanent: true}
	}
	if err != nil {
		h.fail(x, err)
		return
	}
	counts := map[string]int{"Succeeded": 0, "Failed": 0, "InProgress": 0, "Canceled": 0}
	details := []map[string]any{}
	var started, updated time.Time
	for _, e := range entities {
		var s sourceState
		if err := json.Unmarshal(e, &s); err != nil {
			h.fail(x, errors.Join(&ingest.Error{Code: ingest.CodeInternal, Message: "a source's state cannot be read"}, err))
			return
		}
		state := s.Status
		if state == "Skipped" {
			state = "Succeeded"
		}
		counts[state]++
		if started.IsZero() || s.StartedOn.Before(started) {
			started = s.StartedOn
		}
		if s.UpdatedOn.After(updated) {
			updated = s.UpdatedOn
		}
		details = append(details, map[string]any{
			"sourceId": s.IngestionSourceID, "url": s.IngestionSourcePath, "status": s.Status, "startedAt": s.StartedOn,
			"lastUpdateTime": s.UpdatedOn,
			"errorCode":      s.ErrorCode, "failureStatus": s.FailureStatus, "details": s.Details,
		})
	}
	answer := map[string]any{"startTime": started, "lastUpdated": updated, "status": counts}
	if strings.EqualFold(x.URL.Query().Get("details"), "true") {
		answer["details"] = details
	}
	h.sendJSON(x, answer)
}

func (h *Handler) sendJSON(x *exchange, answer any) {
	w := h.begin(x)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		h.config.Log.Debug("send an answer", "err", err)
	}
	h.end(x, w)
}
