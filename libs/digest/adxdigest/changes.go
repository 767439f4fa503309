package adxdigest

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/libs/digest"
	"github.com/calypso-cdc/calypso/libs/kusto"
)

// Changes is a table whose rows are changes: the row of a key is the change with the greatest
// version, unless that is a deletion. It is a digest.Remover.
type Changes struct {
	// Raw reads the table itself, not a view of it.
	Raw *Table
	// Manage runs a command in the table's database.
	Manage func(ctx context.Context, text string) (*kusto.Table, error)
	// Into is the table's name, Columns are all its columns in order.
	Into    string
	Columns []string
	// Version is the integer column by which a key's changes are ordered. Values are expressions for
	// the columns in which a deletion differs from the row.
	Version string
	Values  map[string]string
}

// Versions implements digest.Remover.
func (c *Changes) Versions(ctx context.Context, places []int64, keys []string) (map[string]int64, error) {
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = kusto.QuoteString(key)
	}
	t, err := c.Raw.Query(ctx, c.Raw.latest("in ("+digest.Numbers(places)+")")+"\n| where place_key in ("+
		strings.Join(texts, ", ")+")\n| project place_key, version = "+kusto.QuoteName(c.Version))
	if err != nil {
		return nil, err
	}
	versions := make(map[string]int64, len(t.Rows))
	for i := range t.Rows {
		if versions[t.Value(i, "place_key")], err = number(t, i, "version"); err != nil {
			return nil, err
		}
	}
	return versions, nil
}

// Remove implements digest.Remover. One command reads the rows and writes their deletions, so no
// value leaves the cluster. If it is repeated, it finds no row and writes nothing.
func (c *Changes) Remove(ctx context.Context, places []int64, versions map[string]int64) (int64, error) {
	const mark = "\x1e"
	var pairs []string
	for key, version := range versions {
		pairs = append(pairs, kusto.QuoteString(key+mark+strconv.FormatInt(version, 10)))
	}
	columns := make([]string, len(c.Columns))
	for i, name := range c.Columns { // the command matches columns by position
		columns[i] = kusto.QuoteName(name)
		if value, changed := c.Values[name]; changed {
			columns[i] += " = " + value
		}
	}
	rows := c.Raw.latest("in ("+digest.Numbers(places)+")") +
		fmt.Sprintf("\n| where strcat(place_key, %s, tostring(%s)) in (%s)", kusto.QuoteString(mark),
			kusto.QuoteName(c.Version), strings.Join(pairs, ", "))
	written, err := c.Manage(ctx, ".set-or-append "+kusto.QuoteName(c.Into)+" <| "+rows+"\n| project "+
		strings.Join(columns, ", "))
	if err != nil {
		return 0, err
	}
	var n int64
	for i := range written.Rows {
		rows, err := number(written, i, "RowCount")
		if err != nil {
			return n, err
		}
		n += rows
	}
	return n, nil
}
