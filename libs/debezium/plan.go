package debezium

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
)

// rowPlan writes the columns of a tuple as a JSON object.
type rowPlan struct {
	columns []columnPlan
	cfg     *Config
	// known leaves out columns that the tuple does not carry.
	known bool
}

// columnPlan is everything that writing a row needs to know about one column.
type columnPlan struct {
	table  *pgmodel.Relation
	column *pgmodel.Column
	index  int    // in Relation.Columns and so in a Tuple
	name   []byte // "name":
	codec  codec
	// mapping is how the configuration changes its values; nil if it does not.
	mapping *ColumnMapping
	// lead precedes a value, but not the bytes that replace a missing one.
	lead []byte
	// null is written for NULL; nil if nothing can be.
	null []byte
	// unchanged is written for a TOASTed value that PostgreSQL did not send; nil if nothing can be.
	unchanged []byte
	// absent is written for a value that the row does not carry, with KnownBefore.
	absent []byte
}

// in returns the column's value in a row; the row must be long enough. old supplies TOASTed values
// that t does not carry, and may be nil.
func (c *columnPlan) in(t, old pgmodel.Tuple) *pgmodel.Datum {
	d := &t[c.index]
	if d.Kind == pgmodel.Unchanged && c.index < len(old) && old[c.index].Kind == pgmodel.Text {
		d = &old[c.index]
	}
	return d
}

// outOfDate is the error for a row that is too short for a column.
func outOfDate(t pgmodel.Tuple, index int) error {
	return fmt.Errorf("the row has %d columns, but its table at least %d: the relation is out of date", len(t), index+1)
}

// unknown reports whether the row does not tell the value of the column, as with NULL outside the
// replica identity.
func (c *columnPlan) unknown(d *pgmodel.Datum) bool {
	return d.Kind != pgmodel.Text && (d.Kind != pgmodel.Null || !c.column.InIdentity)
}

// append appends a value of the column, or what replaces it.
func (c *columnPlan) append(dst []byte, d *pgmodel.Datum, from origin, cfg *Config) ([]byte, error) {
	encode := c.codec.of(from)
	if d.Kind != pgmodel.Text || encode == nil {
		return c.appendMissing(dst, d.Kind)
	}
	n := len(dst)
	dst, err := encode(append(dst, c.lead...), d.Data)
	if err != nil {
		return c.failed(dst[:n], err, cfg)
	}
	return dst, nil
}

// appendMissing appends what replaces a value that is missing or lost.
func (c *columnPlan) appendMissing(dst []byte, kind pgmodel.Kind) ([]byte, error) {
	switch {
	case kind == pgmodel.Unchanged && c.unchanged == nil:
		return dst,
			fmt.Errorf("column %s is NOT NULL, its value was not sent because the update did not change it, and its type "+
				"has no placeholder: set unchanged.columns.list=true, or ALTER TABLE %s REPLICA IDENTITY FULL;", c.path(),
				quoted(c.table.Schema, c.table.Name))
	case kind == pgmodel.Unchanged:
		return append(dst, c.unchanged...), nil
	case c.null == nil:
		return dst, fmt.Errorf("column %s is NOT NULL, the change carries no value and its type has no fallback: "+
			"let it be null (%s), or leave the column out (column.exclude.list)", c.path(), c.alter("DROP NOT NULL"))
	}
	return append(dst, c.null...), nil
}

// append writes the tuple as an object. old supplies TOASTed values that t does not carry; it may be nil.
func (p *rowPlan) append(dst []byte, t, old pgmodel.Tuple, from origin) ([]byte, error) {
	sep := byte('{')
	for i := range p.columns {
		c := &p.columns[i]
		if c.index >= len(t) {
			return dst, outOfDate(t, c.index)
		}
		d := c.in(t, old)
		if p.known && c.unknown(d) {
			continue
		}
		dst = append(append(dst, sep), c.name...)
		sep = ','
		// Like columnPlan.append, but without a call for each column of the most common records.
		encode := c.codec.of(from)
		var err error
		if n := len(dst); d.Kind != pgmodel.Text || encode == nil {
			dst, err = c.appendMissing(dst, d.Kind)
		} else if dst, err = encode(dst, d.Data); err != nil {
			dst, err = c.failed(dst[:n], err, p.cfg)
		}
		if err != nil {
			return dst, err
		}
	}
	if sep == '{' {
		dst = append(dst, '{')
	}
	return append(dst, '}'), nil
}

// failed handles a value that could not be converted (event.converting.failure.handling.mode).
func (c *columnPlan) failed(dst []byte, err error, cfg *Config) ([]byte, error) {
	if cfg.FailOnConversion {
		return dst,
			fmt.Errorf(
				"convert a value of column %s (%s): %w. %s, or set event.converting.failure.handling.mode=warn, which sends null where the column may be null",
				c.path(), c.column.Type.Name, err, c.convertible())
	}
	if c.column.NotNull && c.codec.schema.Default == nil {
		return dst,
			fmt.Errorf(
				"convert a value of column %s (%s), which is NOT NULL so that null cannot replace it: %w. %s, or allow null (%s). "+
					"Changes that are in the stream already are skipped with event.processing.failure.handling.mode=warn",
				c.path(), c.column.Type.Name, err, c.convertible(), c.alter("DROP NOT NULL"))
	}
	if cfg.OnConversionFailure != nil {
		cfg.OnConversionFailure(c.table, c.column, err)
	}
	return append(dst, c.null...), nil
}

// path names the column for people.
func (c *columnPlan) path() string { return c.table.Schema + "." + c.table.Name + "." + c.column.Name }

// alter is a statement that changes the column. Columns of partitions are changed in their root.
func (c *columnPlan) alter(how string) string {
	table := quoted(c.table.Schema, c.table.Name)
	if schema, name, isPartition := strings.Cut(c.table.Root, "."); isPartition {
		table = quoted(schema, name)
	}
	return fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s %s;", table, quoted(c.column.Name), how)
}

// quoted writes a name as SQL does.
func quoted(parts ...string) string { return pgx.Identifier(parts).Sanitize() }

// convertible returns advice on how to make the values of a column convertible. Doubles and text
// can represent values that the default form cannot; arrays of enums, bits and composites have no
// form at all.
func (c *columnPlan) convertible() string {
	of, _ := c.column.Type.Base(c.column.TypeMod)
	if of.Kind == pgmodel.ArrayType && of.Elem != nil {
		of, _ = of.Elem.Base(-1)
	}
	leave := fmt.Sprintf("Leave the column out (column.exclude.list), or make it text (%s)",
		c.alter("TYPE text USING "+quoted(c.column.Name)+"::text"))
	switch of.Name {
	case "numeric":
		return "Set decimal.handling.mode=string or double, which can represent NaN and infinities; or l" + leave[1:]
	case "timestamp":
		return "Set time.precision.mode=isostring or microseconds, which reach further than nanoseconds; or l" +
			leave[1:]
	}
	return leave
}

// appendUnchanged writes the names of the columns whose values neither t nor old has.
func (p *rowPlan) appendUnchanged(dst []byte, t, old pgmodel.Tuple) []byte {
	if t == nil {
		return append(dst, "null"...)
	}
	sep := byte('[')
	for i := range p.columns {
		c := &p.columns[i]
		if t[c.index].Kind != pgmodel.Unchanged || c.index < len(old) && old[c.index].Kind == pgmodel.Text {
			continue
		}
		dst = append(append(dst, sep), c.name[:len(c.name)-1]...)
		sep = ','
	}
	if sep == '[' {
		return append(dst, "[]"...)
	}
	return append(dst, ']')
}
