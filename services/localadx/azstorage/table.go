package azstorage

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// entityKey is the parenthesised key of a table request's path; quotes within a key are doubled.
var entityKey = regexp.MustCompile(`\(PartitionKey='((?:[^']|'')*)',\s*RowKey='((?:[^']|'')*)'\)$`)

func (h *Handler) serveTable(w http.ResponseWriter, r *http.Request, segment string) {
	key := entityKey.FindStringSubmatch(segment)
	if key == nil {
		if r.Method == http.MethodPost {
			h.insertEntity(w, r)
			return
		}
		h.failTable(w, http.StatusNotImplemented, "NotImplemented", "tables are read by the key of one entity")
		return
	}
	partition, row := strings.ReplaceAll(key[1], "''", "'"), strings.ReplaceAll(key[2], "''", "'")
	switch r.Method {
	case http.MethodGet:
		body, err := h.Entities.Entity(r.Context(), StatusTable, partition, row)
		if err != nil {
			h.tableFailed(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json;odata=minimalmetadata;streaming=true;charset=utf-8")
		w.Header().Set("ETag", entityTag)
		w.Write(body)
	case http.MethodPut, http.MethodPatch, "MERGE":
		body, err := readEntity(r)
		if err == nil {
			err = h.Entities.MergeEntity(r.Context(), StatusTable, partition, row, body)
		}
		if err != nil {
			h.tableFailed(w, err)
			return
		}
		w.Header().Set("ETag", entityTag)
		w.WriteHeader(http.StatusNoContent)
	default:
		h.failTable(w, http.StatusMethodNotAllowed, "MethodNotAllowed", r.Method+" is not supported here")
	}
}

// entityTag stands on every entity: the service is the only one to change an entity after its insertion.
const entityTag = `W/"datetime'1'"`

func (h *Handler) insertEntity(w http.ResponseWriter, r *http.Request) {
	body, err := readEntity(r)
	if err != nil {
		h.tableFailed(w, err)
		return
	}
	var key struct{ PartitionKey, RowKey string }
	if err := json.Unmarshal(body, &key); err != nil || key.PartitionKey == "" {
		h.failTable(w, http.StatusBadRequest, "PropertiesNeedValue", "an entity needs PartitionKey and RowKey")
		return
	}
	if err := h.Entities.InsertEntity(r.Context(), StatusTable, key.PartitionKey, key.RowKey, body); err != nil {
		h.tableFailed(w, err)
		return
	}
	w.Header().Set("ETag", entityTag)
	if r.Header.Get("Prefer") == "return-no-content" {
		w.Header().Set("Preference-Applied", "return-no-content")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json;odata=minimalmetadata;streaming=true;charset=utf-8")
	w.WriteHeader(http.StatusCreated)
	w.Write(body)
}

func readEntity(r *http.Request) (json.RawMessage, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxEntity+1))
	if err != nil {
		return nil, fmt.Errorf("read the entity: %w", err)
	}
	if len(body) > maxEntity {
		return nil, badRequest{errors.New("an entity may have at most 1 MiB")}
	}
	if !json.Valid(body) {
		return nil, badRequest{errors.New("the entity is not JSON")}
	}
	return body, nil
}

func (h *Handler) tableFailed(w http.ResponseWriter, err error) {
	var bad badRequest
	switch {
	case errors.Is(err, ErrEntityNotFound):
		h.failTable(w, http.StatusNotFound, "ResourceNotFound", err.Error())
	case errors.Is(err, ErrEntityExists):
		h.failTable(w, http.StatusConflict, "EntityAlreadyExists", err.Error())
	case errors.As(err, &bad):
		h.failTable(w, http.StatusBadRequest, "InvalidInput", err.Error())
	default:
		h.Log.Error("storage table request", "err", err)
		h.failTable(w, http.StatusInternalServerError, "InternalError", err.Error())
	}
}

// failTable writes the error body of the table service.
func (h *Handler) failTable(w http.ResponseWriter, status int, code, message string) {
	body := map[string]any{"odata.error": map[string]any{
		"code":    code,
		"message": map[string]string{"lang": "en-US", "value": message},
	}}
	w.Header().Set("Content-Type", "application/json;odata=minimalmetadata;charset=utf-8")
	w.Header().Set("x-ms-error-code", code)
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		h.Log.Debug("send a storage error", "err", err)
	}
}
