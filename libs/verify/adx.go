package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/Azure/azure-kusto-go/azkustodata"
	"github.com/Azure/azure-kusto-go/azkustodata/kql"
	"github.com/Azure/azure-kusto-go/azkustodata/value"
)

// ADX reads a table of an Azure Data Explorer database as Creates: its rows have no order and no
// history. columns are the ones to read, all if none are given; key names the columns that make the
// identity.
func ADX(ctx context.Context, client *azkustodata.Client, database, table string, key []string,
	columns ...string) ([]Change, error) {
	query := kql.New("").AddTable(table)
	if len(columns) > 0 {
		query.AddLiteral(" | project ")
		for i, c := range columns {
			if i > 0 {
				query.AddLiteral(", ")
			}
			query.AddColumn(c)
		}
	}
	data, err := client.Query(ctx, database, query, azkustodata.NoTruncation())
	if err != nil {
		return nil, fmt.Errorf("read table %s of database %s: %w", table, database, err)
	}
	var changes []Change
	for _, t := range data.Tables() {
		if !t.IsPrimaryResult() {
			continue
		}
		for i, r := range t.Rows() {
			values := make(map[string]any, len(t.Columns()))
			for j, c := range t.Columns() {
				values[c.Name()] = plain(r.Values()[j])
			}
			row := NewRow(values)
			changes = append(changes, Change{Table: table, Key: row.Only(key...), Op: Create, Row: row,
				Where: fmt.Sprintf("%s row %d", table, i), Partition: -1})
		}
	}
	return changes, nil
}

// plain makes a Kusto value comparable with PostgreSQL's text: times as "2006-01-02 15:04:05" with
// a fraction if there is one.
func plain(v value.Kusto) any {
	switch x := v.GetValue().(type) {
	case nil:
		return nil
	case string:
		return x
	case *int32:
		return number(x)
	case *int64:
		return number(x)
	case *float64:
		return number(x)
	case *bool:
		if x == nil {
			return nil
		}
		return *x
	case *time.Time:
		if x == nil {
			return nil
		}
		return x.UTC().Format("2006-01-02 15:04:05.999999999")
	default:
		return strings.TrimSpace(v.String())
	}
}

func number[T int32 | int64 | float64](x *T) any {
	if x == nil {
		return nil
	}
	return json.Number(fmt.Sprint(*x))
}
