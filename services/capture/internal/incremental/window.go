package incremental

import (
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/services/capture/internal/encode"
)

// window notes which rows change between a chunk's marks.
type window struct {
	table   string
	changed map[string]bool
	// emptied is true if the table was truncated: a row of the chunk is gone then, or came after with
	// an event of its own.
	emptied bool
	key     []byte
}

func newWindow(table string) *window { return &window{table: table, changed: make(map[string]bool)} }

// note remembers the identity of a changed row, before and after its change.
func (w *window) note(t *encode.Table, rows ...pgmodel.Tuple) {
	if t.Name != w.table {
		return
	}
	for _, row := range rows {
		if row == nil {
			continue
		}
		key, err := t.AppendIdentity(w.key[:0], row, rows[0])
		if err != nil {
			continue // the row's own event reports it
		}
		w.key = key
		w.changed[string(key)] = true
	}
}

// empty remembers that a table was truncated.
func (w *window) empty(t *encode.Table) { w.emptied = w.emptied || t.Name == w.table }

// has reports whether a row of the chunk changed between the marks.
func (w *window) has(t *encode.Table, row pgmodel.Tuple) (bool, error) {
	if w.emptied {
		return true, nil
	}
	key, err := t.AppendIdentity(w.key[:0], row, nil)
	if err != nil {
		return false, err
	}
	w.key = key
	return w.changed[string(key)], nil
}
