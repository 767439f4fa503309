package spec

import (
	"fmt"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

// scannedOptions are the options of ExtractNewRecordState that scanning knows.
func scannedOptions() []string {
	return []string{
		"type", "drop.tombstones", "add.headers", "add.headers.prefix", "add.fields", "add.fields.prefix",
		"drop.fields.keep.schema.compatible",
		"replace.null.with.default", "predicate", "negate", "delete.handling.mode", "delete.tombstone.handling.mode",
	}
}

// unwrap reads the options of an ExtractNewRecordState that is done while rows are scanned: those
// of Debezium 1.x (drop.tombstones, delete.handling.mode) and of 3.x
// (delete.tombstone.handling.mode). What it leaves without a value never is a row in a table.
func (s *Spec) unwrap(v catalogue.Values) error {
	for _, name := range v.List("transforms") {
		options := v.WithPrefix("transforms." + name + ".")
		s.Rows.Unwrap = true
		for option, value := range options {
			if err := s.unwrapOption(option, value, options); err != nil {
				return catalogue.Problemf("transforms."+name+"."+option, "transforms.%s.%s: %w", name, option, err)
			}
		}
	}
	return nil
}

func (s *Spec) unwrapOption(option, value string, all map[string]string) error {
	lower := strings.ToLower(strings.TrimSpace(value))
	switch option {
	case "type", "drop.tombstones", "add.headers", "add.headers.prefix", "add.fields.prefix",
		"drop.fields.keep.schema.compatible", "replace.null.with.default":
		// Tombstones are no rows whatever is set; headers reach a row only through metadata.columns, with their own names.
	case "predicate", "negate":
		// Envelopes are told by their form, so other records pass as they are without a predicate's help.
	case "delete.handling.mode", "delete.tombstone.handling.mode":
		switch lower {
		case "drop", "none", "tombstone", "delete-to-tombstone":
		case "rewrite", "rewrite-with-tombstone":
			s.Rows.Deletes = row.RewriteDeletes
			s.Rows.Extra = append([]row.Extra{{Name: "__deleted", From: row.Deleted}}, s.Rows.Extra...)
		default:
			return fmt.Errorf(
				"%q is unknown: take drop, none, tombstone, delete-to-tombstone, rewrite or rewrite-with-tombstone", value)
		}
	case "add.fields":
		prefix, ok := all["add.fields.prefix"]
		if !ok {
			prefix = "__"
		}
		for field := range strings.SplitSeq(value, ",") {
			if field = strings.TrimSpace(field); field != "" {
				s.Rows.Extra = append(s.Rows.Extra, addedField(prefix, field))
			}
		}
	}
	return nil
}

// addedField reads one item of add.fields: op, source.lsn, transaction.id, table, lsn:NEW_NAME
// (Debezium, ExtractNewRecordState: names without a struct are sought in the envelope, the
// transaction, then the source).
func addedField(prefix, item string) row.Extra {
	path, name, renamed := strings.Cut(item, ":")
	if !renamed {
		name = strings.ReplaceAll(path, ".", "_")
	}
	x := row.Extra{Name: prefix + name, From: row.OfSource, Field: path}
	switch block, field, nested := strings.Cut(path, "."); {
	case nested && block == "transaction":
		x.From, x.Field = row.OfTransaction, field
	case nested:
		x.Field = field
	case path == "op" || path == "ts_ms" || path == "ts_us" || path == "ts_ns":
		x.From = row.OfEnvelope
	case path == "id" || path == "total_order" || path == "data_collection_order":
		x.From = row.OfTransaction
	}
	return x
}
