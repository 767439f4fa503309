package debezium

import (
	"fmt"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
)

// rowPlan writes the columns of a tuple as a JSON object.
type rowPlan struct {
	columns []columnPlan
	cfg     *Config
	// known leaves out columns that the tuple does not carry.
	known bool
}

// columnPlan is what there is to know about one column when a row is written.
type columnPlan struct {
	column *pgmodel.Column
	index  int    // in Relation.Columns and so in a Tuple
	name   []byte // "name":
	codec  codec
	// null is the JSON of what stands for NULL; nil where nothing can stand for it.
	null []byte
	// unchanged is the JSON of the placeholder for a TOASTed value that PostgreSQL did not send; nil where there is none.
	unchanged []byte
}

// append writes the tuple as an object. old supplies TOASTed values that t does not carry; it may be nil. snapshot says
// that the row was read by SQL.
func (p *rowPlan) append(dst []byte, t, old pgmodel.Tuple, snapshot bool) ([]byte, error) {
	sep := byte('{')
	for i := range p.columns {
		c := &p.columns[i]
		if c.index >= len(t) {
			return dst, fmt.Errorf("the row has %d columns, its table %d: the relation is out of date", len(t), c.index+1)
		}
		d := t[c.index]
		if d.Kind == pgmodel.Unchanged && c.index < len(old) && old[c.index].Kind == pgmodel.Text {
			d = old[c.index]
		}
		if p.known && d.Kind != pgmodel.Text && (d.Kind != pgmodel.Null || !c.column.InIdentity) {
			continue
		}
		dst = append(append(dst, sep), c.name...)
		sep = ','
		if c.codec.lost && !snapshot && d.Kind == pgmodel.Text {
			d.Kind = pgmodel.Null
		}
		switch d.Kind {
		case pgmodel.Text:
			encode := c.codec.encode
			if snapshot && c.codec.snapshot != nil {
				encode = c.codec.snapshot
			}
			n := len(dst)
			var err error
			if dst, err = encode(dst, d.Data); err != nil {
				if dst, err = p.failed(dst[:n], c, err); err != nil {
					return dst, err
				}
			}
		case pgmodel.Unchanged:
			if c.unchanged == nil {
				return dst,
					fmt.Errorf("column %s is NOT NULL, its value was not sent since the update did not change it, and its type "+
						"has no placeholder: set unchanged.columns.list=true, or give the table REPLICA IDENTITY FULL", c.column.Name)
			}
			dst = append(dst, c.unchanged...)
		default:
			if c.null == nil {
				return dst, fmt.Errorf("column %s is NOT NULL, the change carries no value and its type has no fallback",
					c.column.Name)
			}
			dst = append(dst, c.null...)
		}
	}
	if sep == '{' {
		dst = append(dst, '{')
	}
	return append(dst, '}'), nil
}

// failed decides about a value that could not be converted (event.converting.failure.handling.mode).
func (p *rowPlan) failed(dst []byte, c *columnPlan, err error) ([]byte, error) {
	if p.cfg.FailOnConversion {
		return dst,
			fmt.Errorf(
				"convert a value of column %s (%s): %w. %s, or set event.converting.failure.handling.mode=warn, which sends null where the column may be null",
				c.column.Name, c.column.Type.Name, err, convertible(c.column))
	}
	if c.column.NotNull && c.codec.schema.Default == nil {
		return dst,
			fmt.Errorf(
				"convert a value of column %s (%s), which is NOT NULL so that null cannot stand for it: %w. %s, or let it be null (ALTER COLUMN %s DROP NOT NULL). "+
					"Changes that are in the stream already are passed over with event.processing.failure.handling.mode=warn",
				c.column.Name, c.column.Type.Name, err, convertible(c.column), c.column.Name)
	}
	if p.cfg.OnConversionFailure != nil {
		p.cfg.OnConversionFailure(c.column, err)
	}
	return append(dst, c.null...), nil
}

// convertible says what makes the values of a column convertible. A representation as double or
// text has what no number of the default one stands for; arrays of enums, bits and composites have
// none at all.
func convertible(c *pgmodel.Column) string {
	of, _ := c.Type.Base(c.TypeMod)
	if of.Kind == pgmodel.ArrayType && of.Elem != nil {
		of, _ = of.Elem.Base(-1)
	}
	const leave = "Leave the column out (column.exclude.list), or make it text (ALTER COLUMN … TYPE text USING …::text)"
	switch of.Name {
	case "numeric":
		return "Set decimal.handling.mode=string or double, which have NaN and infinities; or l" + leave[1:]
	case "timestamp":
		return "Set time.precision.mode=isostring or microseconds, which have times that nanoseconds do not reach; or l" +
			leave[1:]
	}
	return leave
}

// appendUnchanged writes the names of the columns whose values neither t nor old carries.
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
