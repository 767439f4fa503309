package kusto

import (
	"context"
	"fmt"
	"strings"
)

// ColumnType is a Kusto scalar type.
type ColumnType string

const (
	Bool     ColumnType = "bool"
	DateTime ColumnType = "datetime"
	Decimal  ColumnType = "decimal"
	Dynamic  ColumnType = "dynamic"
	GUID     ColumnType = "guid"
	Int      ColumnType = "int"
	Long     ColumnType = "long"
	Real     ColumnType = "real"
	String   ColumnType = "string"
	Timespan ColumnType = "timespan"
)

// ParseColumnType reads a type name, the aliases of the query language included.
func ParseColumnType(s string) (ColumnType, error) {
	switch t := strings.ToLower(strings.TrimSpace(s)); t {
	case "bool", "boolean":
		return Bool, nil
	case "datetime", "date":
		return DateTime, nil
	case "decimal":
		return Decimal, nil
	case "dynamic":
		return Dynamic, nil
	case "guid", "uuid", "uniqueid":
		return GUID, nil
	case "int":
		return Int, nil
	case "long":
		return Long, nil
	case "real", "double":
		return Real, nil
	case "string":
		return String, nil
	case "timespan", "time":
		return Timespan, nil
	}
	return "", fmt.Errorf("column type %q is unknown", s)
}

// Column is one column of a table.
type Column struct {
	Name string
	Type ColumnType
}

// TableSchema is a table's name and its columns in order.
type TableSchema struct {
	Database string
	Table    string
	Columns  []Column
}

// Find returns the column of this name, case-sensitively as in Kusto.
func (s *TableSchema) Find(name string) (Column, bool) {
	for _, c := range s.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return Column{}, false
}

// Schema fetches a table's columns. If the database or table is missing, NotFound reports true for
// the error.
func (c *Client) Schema(ctx context.Context, db, table string) (*TableSchema, error) {
	t, err := c.Manage(ctx, db, ".show table "+QuoteName(table)+" cslschema", "Schema")
	if err != nil {
		return nil, err
	}
	if len(t.Rows) == 0 {
		return nil, &Error{Op: "read the schema of " + db + "." + table, Code: "BadRequest_EntityNotFound",
			Permanent: true, Message: "the table was not found"}
	}
	s := &TableSchema{Database: db, Table: table}
	if s.Columns, err = ParseColumns(t.Value(0, "Schema")); err != nil {
		return nil, fmt.Errorf("read the schema of %s.%s: %w", db, table, err)
	}
	return s, nil
}

// ParseColumns reads a schema in Kusto's text form: a:string,['b c']:long.
func ParseColumns(s string) ([]Column, error) {
	var columns []Column
	for len(s) > 0 {
		var name string
		if strings.HasPrefix(s, "['") || strings.HasPrefix(s, `["`) {
			end := strings.Index(s, s[1:2]+"]")
			if end < 2 {
				return nil, fmt.Errorf("schema %q: a quoted name does not end", s)
			}
			name, s = s[2:end], s[end+2:]
		} else {
			colon := strings.IndexByte(s, ':')
			if colon <= 0 {
				return nil, fmt.Errorf("schema %q: a column without a type", s)
			}
			name, s = strings.TrimSpace(s[:colon]), s[colon:]
		}
		s = strings.TrimLeft(s, " ")
		if !strings.HasPrefix(s, ":") {
			return nil, fmt.Errorf("schema: column %q has no type", name)
		}
		kind, rest, _ := strings.Cut(s[1:], ",")
		t, err := ParseColumnType(kind)
		if err != nil {
			return nil, fmt.Errorf("schema: column %q: %w", name, err)
		}
		columns = append(columns, Column{Name: name, Type: t})
		s = strings.TrimLeft(rest, " ")
	}
	return columns, nil
}

// Declaration writes columns in the form that commands accept: (['a']:string, ['b']:long).
func Declaration(columns []Column) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = QuoteName(c.Name) + ":" + string(c.Type)
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

// ClearStreamingCache makes all nodes forget the schema and mappings with which they stream into a
// table. If a node fails, the error has its answer.
func (c *Client) ClearStreamingCache(ctx context.Context, db, table string) error {
	answer, err := c.Manage(ctx, db, ".clear table "+QuoteName(table)+" cache streamingingestion schema", "Status")
	if err != nil {
		return err
	}
	for i := range answer.Rows {
		if status := answer.Value(i, "Status"); !strings.EqualFold(status, "Succeeded") {
			return fmt.Errorf("clear the cache of streaming for %s.%s: node %s answered %s", db, table,
				answer.Value(i, "NodeId"), status)
		}
	}
	return nil
}

// CreateMerge creates the table, or adds the columns that it lacks at its end. It changes no
// existing column: for a column of the same name and another type the service returns an error,
// since altering the type would wipe its data.
func (c *Client) CreateMerge(ctx context.Context, s *TableSchema) error {
	_, err := c.Manage(ctx, s.Database, ".create-merge table "+QuoteName(s.Table)+" "+Declaration(s.Columns))
	return err
}
