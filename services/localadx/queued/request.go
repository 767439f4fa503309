package queued

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/calypso-cdc/calypso/services/localadx/azstorage"
	"github.com/calypso-cdc/calypso/services/localadx/ingest"
	"github.com/calypso-cdc/calypso/services/localadx/source"
)

// Request asks to ingest one blob.
type Request struct {
	// MessageID is the queue message that holds the request.
	MessageID string
	// SourceID is the client's identifier of the blob.
	SourceID string
	BlobURL  string
	Database string
	Table    string
	// RawSize is the blob's uncompressed size in bytes as the client states it; 0 is unknown.
	RawSize int64
	Flush   bool
	source.Properties
	Report Reporting
}

// Reporting says where the end of the request is reported.
type Reporting struct {
	Successes, Failures bool
	Queue               bool
	// Table, PartitionKey and RowKey name the status entity; Table is empty without one.
	Table, PartitionKey, RowKey string
}

// Report levels and methods, by the numbers the SDKs send.
const (
	levelFailures             = "0"
	levelNone                 = "1"
	levelFailuresAndSuccesses = "2"
	methodTable               = "1"
	methodQueueAndTable       = "2"
)

// message is a request as the SDKs write it. encoding/json matches names in any case, which they need: Go writes "Id",
// Java "id".
type message struct {
	ID                     string
	BlobPath               string
	RawDataSize            flexible
	DatabaseName           string
	TableName              string
	FlushImmediately       flexible
	ReportLevel            flexible
	ReportMethod           flexible
	IngestionStatusInTable *struct {
		TableConnectionString string
		PartitionKey          string
		RowKey                string
	}
	AdditionalProperties map[string]flexible
}

// flexible is a JSON scalar as text: SDKs disagree on whether booleans and numbers are strings. Objects and arrays stay
// JSON.
type flexible string

// UnmarshalJSON implements json.Unmarshaler.
func (f *flexible) UnmarshalJSON(text []byte) error {
	text = bytes.TrimSpace(text)
	if string(text) == "null" {
		*f = ""
		return nil
	}
	if text[0] == '"' {
		var s string
		if err := json.Unmarshal(text, &s); err != nil {
			return err
		}
		*f = flexible(s)
		return nil
	}
	*f = flexible(text)
	return nil
}

func (f flexible) bool() bool { return strings.EqualFold(string(f), "true") || f == "1" }

// ParseRequest reads a queue message.
func ParseRequest(messageID, text string) (Request, error) {
	var m message
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return Request{MessageID: messageID}, requestError("the message is not a JSON object of the expected form: %v", err)
	}
	r := Request{MessageID: messageID, SourceID: m.ID, BlobURL: m.BlobPath, Database: m.DatabaseName, Table: m.TableName,
		Flush: m.FlushImmediately.bool()}
	if size, err := strconv.ParseInt(string(m.RawDataSize), 10, 64); err == nil && size > 0 {
		r.RawSize = size
	}
	r.Report = m.reporting()
	if r.BlobURL == "" || r.Database == "" || r.Table == "" {
		return r, requestError("the message lacks BlobPath, DatabaseName or TableName")
	}
	if r.SourceID == "" {
		r.SourceID = uuid.NewString()
	}
	properties := make(map[string]string, len(m.AdditionalProperties))
	for name, v := range m.AdditionalProperties {
		properties[strings.ToLower(name)] = string(v)
	}
	var err error
	r.Properties, err = source.ParseProperties(properties)
	if err == nil && properties["format"] == "" {
		if guessed := ingest.FormatOf(r.name()); guessed != "" {
			r.Format = guessed
		}
	}
	return r, err
}

func requestError(format string, args ...any) error {
	return &ingest.Error{Code: ingest.CodeMessageFormat, Message: fmt.Sprintf(format, args...)}
}

func (m *message) reporting() Reporting {
	level, method := string(m.ReportLevel), string(m.ReportMethod)
	var r Reporting
	switch {
	case level == levelNone || strings.EqualFold(level, "None"):
	case level == levelFailuresAndSuccesses || strings.EqualFold(level, "FailuresAndSuccesses"):
		r.Failures, r.Successes = true, true
	default:
		r.Failures = true
	}
	both := method == methodQueueAndTable || strings.EqualFold(method, "QueueAndTable")
	inTable := both || method == methodTable || strings.EqualFold(method, "Table")
	r.Queue = both || !inTable
	if inTable && m.IngestionStatusInTable != nil && m.IngestionStatusInTable.PartitionKey != "" {
		r.Table = tableName(m.IngestionStatusInTable.TableConnectionString)
		r.PartitionKey, r.RowKey = m.IngestionStatusInTable.PartitionKey, m.IngestionStatusInTable.RowKey
	}
	return r
}

// tableName takes the table's name off its URL.
func tableName(connection string) string {
	u, err := url.Parse(connection)
	if err != nil || u.Path == "" {
		return azstorage.StatusTable
	}
	return azstorage.Lasting(path.Base(u.Path))
}

// name is the blob's URL without its query, which holds a secret.
func (r *Request) name() string {
	location, _, _ := strings.Cut(r.BlobURL, "?")
	return location
}

// batchKey tells which requests may share a batch: those for one table with the same properties.
type batchKey struct {
	database, table, properties string
}

func (r *Request) key() (batchKey, error) {
	properties := r.Properties
	properties.Tags = slices.Sorted(slices.Values(properties.Tags))
	text, err := json.Marshal(properties)
	if err != nil {
		return batchKey{}, fmt.Errorf("compare ingestion properties: %w", err)
	}
	return batchKey{strings.ToLower(r.Database), r.Table, string(text)}, nil
}

// alone reports whether the request may not wait for others, and ADX's name for the reason.
func (r *Request) alone() (reason string, ok bool) {
	byTag := func(tag string) bool { return strings.HasPrefix(tag, "ingest-by:") }
	switch {
	case r.Flush:
		return "SingleBlob_FlushImmediately", true
	case len(r.IfNotExists) > 0:
		return "SingleBlob_IngestIfNotExists", true
	case slices.ContainsFunc(r.Tags, byTag):
		return "SingleBlob_IngestByTag", true
	case r.RawSize == 0:
		return "SingleBlob_SizeUnknown", true
	}
	return "", false
}
