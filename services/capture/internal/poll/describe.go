package poll

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
)

// describe reads what the rows look like now.
func (s *source) describe(ctx context.Context, conn *pgx.Conn) error {
	var err error
	var key []string
	if s.set.query != "" {
		s.columns, err = describeQuery(ctx, conn, s.set.query)
	} else {
		s.columns, key, err = describeTable(ctx, conn, s.table)
	}
	if err != nil {
		return err
	}
	s.schema = &record.Schema{Type: record.Struct, Name: s.table.Name}
	for i := range s.columns {
		c := &s.columns[i]
		c.compile(s.set)
		s.schema.Fields = append(s.schema.Fields, record.Field{Name: c.name, Schema: c.schema.AsOptional(!c.notNull)})
	}
	s.stamps, s.number, s.ties = nil, -1, nil
	if s.mode.timestamps() {
		required := true
		for _, name := range s.set.timestamps {
			i, err := s.index("timestamp.column.name", name)
			if err != nil {
				return err
			}
			if oid := s.columns[i].oid; oid != pgtype.TimestampOID && oid != pgtype.TimestamptzOID {
				return retry.Permanent("timestamp.column.name: column %s of %s is not a timestamp", name, s.name)
			}
			s.stamps, required = append(s.stamps, i), required && !s.columns[i].notNull
		}
		if required && s.set.validate && s.set.query == "" {
			return retry.Permanent(
				"validate.non.null: of the columns %s of %s none is NOT NULL, and rows with NULL there would never be polled: make one NOT NULL, or set validate.non.null=false", strings.Join(s.set.timestamps, ", "), s.name)
		}
	}
	if s.mode.increments() {
		if s.number, err = s.incrementing(); err != nil {
			return err
		}
	} else if s.mode == timestamp {
		for _, name := range key {
			i, err := s.index("primary key", name)
			if err != nil {
				return err
			}
			s.ties = append(s.ties, i)
		}
	}
	return nil
}

// doubtful are the columns that the rows are polled by that may have NULL although they are NOT NULL.
// Of time columns one that is never NULL is enough.
func (s *source) doubtful() (names []string) {
	sure := len(s.stamps) == 0
	for _, i := range s.stamps {
		sure = sure || s.columns[i].neverNull
		if c := s.columns[i]; c.notNull && !c.neverNull {
			names = append(names, c.name)
		}
	}
	if sure {
		names = nil
	}
	if s.number >= 0 {
		if c := s.columns[s.number]; c.notNull && !c.neverNull {
			names = append(names, c.name)
		}
	}
	return names
}

func (s *source) index(what, name string) (int, error) {
	for i := range s.columns {
		if s.columns[i].name == name {
			return i, nil
		}
	}
	return -1, retry.Permanent("%s: %s has no column %q", what, s.name, name)
}

// incrementing finds the incrementing column.
func (s *source) incrementing() (int, error) {
	found := -1
	if name := s.set.incrementing; name != "" {
		i, err := s.index("incrementing.column.name", name)
		if err != nil {
			return -1, err
		}
		found = i
	} else {
		for i := range s.columns {
			if s.columns[i].sequence {
				if found >= 0 {
					return -1, retry.Permanent("incrementing.column.name: %s has several columns with sequences; name one", s.name)
				}
				found = i
			}
		}
		if found < 0 {
			return -1,
				retry.Permanent("incrementing.column.name: %s has no column with a sequence; name one whose numbers only grow",
					s.name)
		}
	}
	c := &s.columns[found]
	if !slices.Contains([]uint32{pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID, pgtype.NumericOID},
		c.oid) {
		return -1, retry.Permanent("incrementing.column.name: column %s of %s is not a number", c.name, s.name)
	}
	if !c.notNull && s.set.validate && s.set.query == "" {
		return -1,
			retry.Permanent(
				"validate.non.null: column %s of %s is not NOT NULL, and rows with NULL there would never be polled: make it NOT NULL, or set validate.non.null=false", c.name, s.name)
	}
	return found, nil
}

func describeTable(ctx context.Context, conn *pgx.Conn, t pgrepl.Table) (columns []column, key []string, err error) {
	rel, err := pgrepl.NewCatalog(ctx, pgrepl.Query(conn),
		func(pgrepl.Table) bool { return true }).Named(t.Schema, t.Name)
	if err != nil {
		return nil, nil, err
	}
	if rel == nil {
		return nil, nil, &pgrepl.Error{Reason: pgrepl.ReasonTableMissing, Op: "find table " + t.String(),
			Err: fmt.Errorf("it is gone"), Remedy: "Create it, or take it out of table.whitelist."}
	}
	for _, c := range rel.Columns {
		typ, mod := c.Type.Base(c.TypeMod)
		columns = append(columns, column{name: c.Name, oid: typ.OID, mod: mod, notNull: c.NotNull, neverNull: c.NeverNull,
			declared: c.Declared, order: c.Type.OrderSchema(), sequence: c.Identity || strings.HasPrefix(c.Default, "nextval(")})
	}
	for _, i := range rel.Key {
		if !rel.Columns[i].NeverNull { // a unique index with NULLs breaks no ties
			return columns, nil, nil
		}
		key = append(key, rel.Columns[i].Name)
	}
	return columns, key, nil
}

// describeQuery asks the server what a query returns. Nothing is known to be NOT NULL.
func describeQuery(ctx context.Context, conn *pgx.Conn, query string) ([]column, error) {
	d, err := conn.PgConn().Prepare(ctx, "", query, nil)
	if err != nil {
		return nil, fmt.Errorf("prepare query: %w", err)
	}
	var out []column
	for _, f := range d.Fields {
		out = append(out, column{name: f.Name, oid: f.DataTypeOID, mod: f.TypeModifier})
	}
	return out, nil
}
