package pgrepl

import "testing"

func TestTheCatalogIsTakenOutOfASearchPathWhereItStandsBehindOthers(t *testing.T) {
	for _, c := range []struct {
		path, rest string
		behind     bool
	}{
		{`"$user", public`, `"$user", public`, false},
		{`$user, public, pg_catalog`, `$user, public`, true},
		{`app,PG_CATALOG , "Other"`, `app, "Other"`, true},
		{`"app", "pg_catalog"`, `"app"`, true},
		{`pg_temp, pg_catalog`, `pg_temp`, true},
		{`pg_catalog, app`, `app`, false},
		{`pg_catalog, app, pg_catalog`, `app`, false},
		{`app, "PG_CATALOG", my_pg_catalog`, `app, "PG_CATALOG", my_pg_catalog`, false},
		{`"a, pg_catalog", "b""", pg_catalog`, `"a, pg_catalog", "b"""`, true},
		{`""`, `""`, false},
	} {
		if rest, behind := withoutCatalog(c.path); rest != c.rest || behind != c.behind {
			t.Errorf("of %s %s is left, behind %t; want %s, %t", c.path, rest, behind, c.rest, c.behind)
		}
	}
}
