package conformance

import (
	"fmt"
	"strings"
)

// value is a value of a column; now and then NULL or the default.
func (g *generator) value(c column) string {
	switch {
	case c.name == "id":
	case g.chance(12):
		return "NULL"
	case g.chance(8):
		return "DEFAULT"
	}
	return c.kind.value(g.random)
}

// insert adds a row in which some columns are not given.
func (g *generator) insert(t *table) string {
	var names, values []string
	for _, c := range t.columns {
		if !c.generated && !g.chance(6) {
			names, values = append(names, quote(c.name)), append(values, g.value(c))
		}
	}
	if len(names) == 0 {
		return "insert into " + t.sql() + " default values"
	}
	return fmt.Sprintf("insert into %s (%s) values (%s)", t.sql(), strings.Join(names, ", "), strings.Join(values, ", "))
}

// change is one statement.
func (g *generator) change(t *table) string {
	if g.chance(6) {
		return g.outbox()
	}
	row := fmt.Sprintf(" where (tableoid, ctid) = (select tableoid, ctid from %s offset %d limit 1)", t.sql(), g.IntN(4))
	switch n := g.IntN(20); {
	case n < 9:
		return g.insert(t)
	case n < 16:
		var sets []string
		for _, c := range t.columns {
			if !c.generated && g.chance(30) {
				sets = append(sets, quote(c.name)+" = "+g.value(c))
			}
		}
		if len(sets) == 0 {
			sets = []string{quote(t.columns[0].name) + " = " + quote(t.columns[0].name)}
		}
		return "update " + t.sql() + " set " + strings.Join(sets, ", ") + row
	case n < 19:
		return "delete from " + t.sql() + row
	}
	if g.chance(30) {
		other := g.tables[g.IntN(len(g.tables))]
		return "truncate " + t.sql() + ", " + other.sql()
	}
	return g.one("select pg_logical_emit_message(true, 'app', 'in a transaction')",
		"select pg_logical_emit_message(false, 'app', '\\x00ff'::bytea)",
		"select pg_logical_emit_message(true, 'skip me', '')", "truncate "+t.sql())
}

const changesOfPhase = 70

// changes is the SQL of one phase, which runs while the connectors stream. Tables are altered first:
// Debezium looks up what they are when their next change comes, and not what they were at that change.
func (g *generator) changes(phase int) string {
	var b strings.Builder
	b.WriteString("\\set ON_ERROR_STOP off\n\\set ON_ERROR_ROLLBACK on\nset client_min_messages = warning;\n")
	if phase > 0 {
		for range 2 + g.IntN(4) {
			b.WriteString(g.alter(g.tables[g.IntN(len(g.tables))]))
		}
		if g.chance(40) {
			t := &table{schema: "public", name: fmt.Sprintf("later%d", phase)}
			b.WriteString(g.create(t, kinds()))
			g.tables = append(g.tables, t)
		}
	}
	for range changesOfPhase {
		if g.chance(60) {
			b.WriteString(g.change(g.tables[g.IntN(len(g.tables))]) + ";\n")
			continue
		}
		b.WriteString("begin;\n")
		inSavepoint := false
		for range 1 + g.IntN(6) {
			switch {
			case inSavepoint && g.chance(40):
				b.WriteString(g.one("rollback to savepoint s;\n", "release savepoint s;\n"))
				inSavepoint = false
			case g.chance(20):
				b.WriteString("savepoint s;\n")
				inSavepoint = true
			}
			b.WriteString(g.change(g.tables[g.IntN(len(g.tables))]) + ";\n")
		}
		b.WriteString(g.one("commit", "commit", "commit", "rollback") + ";\n")
	}
	b.WriteString("drop table if exists end_of_changes; " +
		"create unlogged table end_of_changes as select pg_current_wal_insert_lsn() as end_lsn;\n")
	return b.String()
}

// wider are types that values of another one can become.
var wider = map[string]string{"smallint": "integer", "integer": "bigint", "bigint": "numeric", "real": "double precision",
	"numeric(6,2)": "numeric(38,10)", "varchar(10)": "varchar", "varchar": "text", "text": "varchar",
	"char(5)": "varchar(10)", "timestamp(3)": "timestamp", "timestamp": "timestamptz", "date": "timestamp",
	"json": "jsonb", "time(0)": "time", "d_int": "bigint", "mood": "text", "bit(3)": "bit varying", "inet": "text"}

// alter changes a table that neither inherits nor is inherited from.
func (g *generator) alter(t *table) string {
	if t.inherits || len(t.columns) < 2 {
		return ""
	}
	n := 1 + g.IntN(len(t.columns)-1) // the first one is mostly the key
	c := &t.columns[n]
	alter := "alter table " + t.sql() + " "
	switch g.IntN(8) {
	case 0, 1:
		all := kinds()
		added := column{name: fmt.Sprintf("added%d", g.IntN(1000)), kind: all[g.IntN(len(all))]}
		if (&table{columns: []column{added}}).arraysInDomains() {
			return ""
		}
		def := quote(added.name) + " " + added.kind.name
		if len(added.kind.defaults) > 0 && g.chance(50) {
			def += " default " + g.one(added.kind.defaults...)
		}
		t.columns = append(t.columns, added)
		return alter + "add column " + def + ";\n"
	case 2:
		gone := c.name
		t.columns = append(t.columns[:n:n], t.columns[n+1:]...)
		return alter + "drop column " + quote(gone) + ";\n"
	case 3:
		before := c.name
		c.name = fmt.Sprintf("renamed%d", g.IntN(1000))
		return alter + "rename column " + quote(before) + " to " + quote(c.name) + ";\n"
	case 4:
		for i := range t.columns {
			to := wider[t.columns[i].kind.name]
			if to == "" || t.columns[i].generated || g.chance(30) {
				continue
			}
			for _, k := range kinds() {
				if k.name == to {
					t.columns[i].kind = k
				}
			}
			name := quote(t.columns[i].name)
			return alter + "alter column " + name + " drop default, alter column " + name + " type " + to + " using " +
				name + "::" + to + ";\n"
		}
	case 5:
		return alter + "alter column " + quote(c.name) + " " + g.one("drop not null", "set not null") + ";\n"
	case 6:
		if len(c.kind.defaults) > 0 && !c.generated {
			return alter + "alter column " + quote(c.name) + " set default " + g.one(c.kind.defaults...) + ";\n"
		}
		return alter + "alter column " + quote(c.name) + " drop default;\n"
	}
	return alter + "replica identity " + g.one("full", "default", "nothing") + ";\n"
}

// outbox is a change of the table of events that EventRouter reads. Its partition exists: for one that
// does not, Kafka Connect waits forever. Its time may be that of a record, which Kafka deletes if it is
// old.
func (g *generator) outbox() string {
	if g.chance(10) {
		return g.one("delete from outboxevent where ctid = (select min(ctid) from outboxevent)",
			"update outboxevent set type = 'updated' where ctid = (select max(ctid) from outboxevent)")
	}
	return fmt.Sprintf("insert into outboxevent values (gen_random_uuid(), %s, %s, %s, %s, %d, %d, %s)",
		literal(g.one("Order", "Customer")), literal(g.one("1", "k 2", "é")), literal(g.one("Created", "Gone")),
		g.one(`'{"id": 1, "lines": [{"a": 1, "b": null}, {"a": 2, "c": "x"}], "big": 5000000000, "f": 1.5, "t": true}'`,
			"'{}'", "NULL", `'{"a": [], "n": null, "s": "\u00e9"}'`, `'{"x": [{"y": [[1]]}]}'`),
		g.IntN(3), 0, g.one("localtimestamp", "NULL"))
}
