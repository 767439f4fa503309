package spec

import (
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

// WireFormat is the format that blobs are sent as. Rows of JSON go as multijson, which fails as a
// whole if a row cannot be read, where json would silently leave the row out.
func WireFormat(format string) string {
	if kusto.MappingKind(format) == "json" {
		return "multijson"
	}
	return format
}

// IsFile says that a format's blobs are files with a structure of their own, to which a row cannot just be appended.
func IsFile(format string) bool {
	switch kusto.MappingKind(format) {
	case "avro", "parquet", "orc":
		return true
	}
	return false
}

// NeedsColumns says that rows of a format cannot be written without knowing the table's columns.
func NeedsColumns(format string) bool { return format == "csv" || IsFile(format) }

// WholeFiles says that each record is a file, and so a batch of its own.
func (s *Spec) WholeFiles(r route.Route) bool {
	return s.Rows.Converter == row.Text && IsFile(r.Format)
}
