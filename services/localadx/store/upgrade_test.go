package store_test

import (
	"testing"

	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
	"github.com/calypso-cdc/calypso/services/localadx/store"
)

func TestDecimalsOfTenDigitsBehindThePointAreKept(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := s.CreateDatabase(t.Context(), "d"); err != nil {
		t.Fatal(err)
	}
	err := s.ChangeDatabase(t.Context(), "d", func(c *store.Change) error {
		_, err := c.CreateTable("t", []kql.Column{{Name: "a b", Type: value.Decimal}, {Name: "n", Type: value.Long}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var schema string
	const table = "SELECT schema_name FROM duckdb_columns() WHERE table_name = 't' AND column_name = 'a b'"
	if err := s.DB().QueryRowContext(t.Context(), table).Scan(&schema); err != nil {
		t.Fatal(err)
	}
	// as it was kept before
	for _, sql := range []string{
		`ALTER TABLE "` + schema + `".t ALTER "a b" SET DATA TYPE DECIMAL(38,10)`,
		`INSERT INTO "` + schema + `".t ("a b", n) VALUES (-12.5, 1), (NULL, 2), (0, 3), (9999999999999999999999999999.0000000001, 4)`,
	} {
		if _, err := s.DB().ExecContext(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	got := ""
	rows, err := s.DB().QueryContext(t.Context(), `SELECT "a b" FROM "`+schema+`".t ORDER BY n`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var stored *string
		if err := rows.Scan(&stored); err != nil {
			t.Fatal(err)
		}
		if stored == nil {
			got += "null;"
			continue
		}
		got += value.DecimalText(*stored) + ";"
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	// Of 38 digits 34 are kept.
	if want := "-12.5;null;0;9999999999999999999999999999;"; got != want {
		t.Errorf("the decimals are %s, want %s", got, want)
	}
}
