package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/command"
	"github.com/calypso-cdc/calypso/services/localadx/fidelity"
	"github.com/calypso-cdc/calypso/services/localadx/ingest"
	"github.com/calypso-cdc/calypso/services/localadx/source"
	"github.com/calypso-cdc/calypso/services/localadx/store"
)

// maxStream is the limit on one streaming ingestion, uncompressed, in bytes; ADX's ("Limitations of
// streaming ingestion").
const maxStream = 4 << 20

// streaming answers POST /v1/rest/ingest/{database}/{table}?streamFormat=…&mappingName=…&sourceKind=….
func (h *Handler) streaming(x *exchange) {
	if x.Method != http.MethodPost {
		h.fail(x, &protocolError{status: http.StatusMethodNotAllowed, code: "MethodNotAllowed",
			message: "streaming ingestion is a POST"})
		return
	}
	consumed, err := h.stream(x)
	if err != nil {
		h.recordStreamFailure(x, err)
		h.fail(x, err)
		return
	}
	w := h.begin(x)
	fmt.Fprintf(w,
		`{"Tables":[{"TableName":"Table_0","Columns":[{"ColumnName":"ConsumedRecordsCount","DataType":"Int64","ColumnType":"long"},`+
			`{"ColumnName":"UpdatePolicyStatus","DataType":"String","ColumnType":"string"},{"ColumnName":"UpdatePolicyFailureCode","DataType":"String","ColumnType":"string"},`+
			`{"ColumnName":"UpdatePolicyFailureReason","DataType":"String","ColumnType":"string"}],"Rows":[[%d,"Inactive","Unknown",null]]}]}`, consumed)
	h.end(x, w)
}

// streamTarget reads database and table from the path, whose segments are escaped.
func streamTarget(u *url.URL) (database, table string, err error) {
	segments := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	if len(segments) != 5 {
		return "", "", badRequest("the path must be /v1/rest/ingest/{database}/{table}")
	}
	database, err = url.PathUnescape(segments[3])
	if err == nil {
		table, err = url.PathUnescape(segments[4])
	}
	if err != nil {
		return "", "", badRequest("the path is not escaped well: %v", err)
	}
	return database, table, nil
}

func (h *Handler) stream(x *exchange) (consumed int64, err error) {
	database, table, err := streamTarget(x.URL)
	if err != nil {
		return 0, err
	}
	if h.config.Emulator != "" {
		return 0, &protocolError{status: http.StatusNotFound, code: "NotFound", permanent: true,
			message: "there is no streaming ingestion here"}
	}
	if err := h.config.Roles.Check(fidelity.Ingest); err != nil {
		return 0, err
	}
	d, err := h.config.Store.Catalog().Database(database)
	if err != nil {
		return 0, err
	}
	t, err := d.Table(table)
	if err != nil {
		return 0, err
	}
	if !command.StreamingEnabled(d, t) {
		return 0, &protocolError{status: http.StatusNotFound, code: "BadRequest_StreamingIngestionPolicyNotEnabled",
			permanent: true,
			message: fmt.Sprintf(
				"streaming ingestion is not enabled for table '%s': run .alter table %s policy streamingingestion enable", table,
				store.QuoteName(table))}
	}
	parameters := x.URL.Query()
	format, err := ingest.ParseFormat(parameters.Get("streamFormat"))
	if err != nil {
		return 0, err
	}
	content, err := h.streamContent(x, parameters)
	if err != nil {
		return 0, err
	}
	p := source.Properties{Format: format, MappingName: parameters.Get("mappingName")}
	_, counts, err := h.config.Loader.Stream(x.Context(), d.Name, t.Name, p, bytes.NewReader(content))
	return counts.Rows, err
}

// streamContent is the body, or with sourceKind=uri the blob that the body names.
func (h *Handler) streamContent(x *exchange, parameters url.Values) ([]byte, error) {
	if !strings.EqualFold(parameters.Get("sourceKind"), "uri") {
		return readBody(x.Request, maxStream)
	}
	body, err := readBody(x.Request, maxStream)
	if err != nil {
		return nil, err
	}
	var from struct {
		SourceURI string `json:"sourceUri"`
	}
	if err := json.Unmarshal(body, &from); err != nil || from.SourceURI == "" {
		return nil, badRequest("with sourceKind=uri the body has the form {\"sourceUri\":\"https://…\"}")
	}
	blob, err := h.config.Opener.Open(x.Context(), from.SourceURI)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	content, err := io.ReadAll(io.LimitReader(blob, maxStream+1))
	if err != nil {
		return nil, badRequest("the blob cannot be read: %v", err)
	}
	if len(content) > maxStream {
		return nil, &protocolError{status: http.StatusRequestEntityTooLarge, code: "BadRequest_RequestTooLarge",
			permanent: true,
			message: fmt.Sprintf("the blob is larger than %d MB, the limit of streaming ingestion: use queued ingestion",
				maxStream>>20)}
	}
	return content, nil
}

// recordStreamFailure keeps a failure for `.show streamingingestion failures`.
func (h *Handler) recordStreamFailure(x *exchange, err error) {
	var known *ingest.Error
	database, table, pathErr := streamTarget(x.URL)
	if pathErr != nil || !errors.As(source.Classify(err), &known) {
		return
	}
	failure := store.NewFailure(database, table, "StreamingIngest", known.Code, known.Message, known.Transient)
	if err := h.config.Store.Settle(x.Context(), store.Settlement{Failures: []store.Failure{failure}}); err != nil {
		h.config.Log.Warn("record an ingestion failure", "err", err)
	}
}
