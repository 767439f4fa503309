package spec

import (
	"github.com/calypso-cdc/calypso/libs/converter"
	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/libs/transform"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

// scan has rows made of the bytes of records, if that gives what a converter of values and transforms do, and reports
// whether it does.
func (r *reading) scan(value converter.Converter, chain *transform.Chain) bool {
	switch c := value.Converter.(type) {
	case record.StringConverter, record.ByteArrayConverter:
		if chain != nil {
			return false
		}
		r.Rows.Converter = row.Text
		return true
	case *record.JSON:
		if chain != nil && !r.unwrap(chain) {
			return false
		}
		switch {
		case !value.SchemasGiven: // each record shows whether it has one
		case c.Schemas:
			r.Rows.Schemas = row.WithSchema
		default:
			r.Rows.Schemas = row.WithoutSchema
		}
		return true
	}
	return false
}

// unwrap has the transform ExtractNewRecordState done while rows are scanned, if a chain is just that, and reports
// whether it is. Envelopes are told by their form, so other records pass as they are without a predicate's help.
// Tombstones, and what a delete leaves without a value, never are rows, whatever is set; added headers reach a row only
// by metadata.columns, which has all of them.
func (r *reading) unwrap(chain *transform.Chain) bool {
	asked, ok := chain.Unwrapping()
	if !ok {
		return false
	}
	var extra []row.Extra
	if asked.RewritesDeletes {
		extra = append(extra, row.Extra{Name: "__deleted", From: row.Deleted})
	}
	for _, f := range asked.Fields {
		x := row.Extra{Name: f.As, Field: f.Field}
		switch f.Block {
		case "":
			x.From = row.OfEnvelope
		case "source":
			x.From = row.OfSource
		case "transaction":
			x.From = row.OfTransaction
		default: // of the rows before and after
			return false
		}
		extra = append(extra, x)
	}
	r.Rows.Unwrap, r.Rows.Extra = true, extra
	if asked.RewritesDeletes {
		r.Rows.Deletes = row.RewriteDeletes
	}
	return true
}
