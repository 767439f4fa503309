package target

import (
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

// place is a field of the rows and the column that it goes to.
type place struct {
	field  string
	column kusto.Column
}

// lacking returns the columns of fields that the table does not have, and the fields that the
// mapping, if there is to be one, does not bring to a column. Without a mapping a column has the
// field's name. A mapping brings a field whose name no column can have to one with a similar name.
func lacking(mapping string, checked row.Target, wanted []kusto.Column) (missing []kusto.Column, unmapped []place) {
	for _, c := range wanted {
		field := c.Name
		if mapping != "" {
			column, mapped := columnOf(checked.Mapping, field)
			if c.Name = column; !mapped {
				unmapped = append(unmapped, place{field, c})
			}
		}
		if checked.Schema != nil {
			if _, there := checked.Schema.Find(c.Name); there {
				continue
			}
		}
		missing = append(missing, c)
	}
	return missing, unmapped
}

// columnOf is the column to which a mapping brings a field, and whether it already does.
func columnOf(m *kusto.Mapping, field string) (column string, mapped bool) {
	if m != nil {
		for _, c := range m.Columns {
			if from, ok := c.Field(); ok && from == field {
				return c.Column, true
			}
		}
		for _, c := range m.Columns { // a column of this name has its values from elsewhere
			if c.Column == field {
				return field, true
			}
		}
	}
	return kusto.NameLike(field), false
}
