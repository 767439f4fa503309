package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/calypso-cdc/calypso/services/localadx/kql/scalar"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// widenDecimals converts columns of a database whose decimals had ten digits behind the point.
func widenDecimals(ctx context.Context, conn *sql.Conn) error {
	type name struct{ schema, table, column string }
	var old []name
	rows, err := conn.QueryContext(ctx,
		"SELECT schema_name, table_name, column_name FROM duckdb_columns() WHERE data_type = 'DECIMAL(38,10)'")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var n name
		if err := rows.Scan(&n.schema, &n.table, &n.column); err != nil {
			return err
		}
		old = append(old, n)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, n := range old {
		column := quoteIdent(n.column)
		read := func(number string) string {
			return fmt.Sprintf("%s(%s(), CAST(%s AS VARCHAR))", scalar.SQLName("to_decimal", value.Decimal), scalar.RunNumber,
				number)
		}
		// Of 38 digits 34 are kept: the 28 before the point, and six behind it.
		ddl := fmt.Sprintf("ALTER TABLE %s.%s ALTER %s SET DATA TYPE %s USING coalesce(%s, %s)", quoteIdent(n.schema),
			quoteIdent(n.table), column, value.Decimal.Physical(), read(column), read("round("+column+", 6)"))
		if _, err := conn.ExecContext(ctx, ddl); err != nil {
			return fmt.Errorf("column %s of table %s: %w", n.column, n.table, err)
		}
	}
	return nil
}
