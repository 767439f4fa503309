package debezium

import (
	"strings"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/record"
)

// column returns the codec of a column; false if its type has no representation, so that the column
// is left out.
func (k *compiler) column(c *pgmodel.Column) (codec, bool) {
	t, mod := c.Type.Base(c.TypeMod)
	switch t.Kind {
	case pgmodel.ArrayType:
		return k.throughJSON(func(k *compiler) (codec, bool) { return k.array(t, mod) })
	case pgmodel.EnumType:
		s := semantic(record.String, "io.debezium.data.Enum",
			record.Param{Name: "allowed", Value: strings.Join(t.Labels, ",")})
		return k.text(s), true
	}
	if c, ok := k.base(t, mod); ok {
		return c, true
	}
	return k.unknown(t)
}

// textTypes maps the types whose text output is their value to their semantic names.
var textTypes = map[string]string{
	"text": "", "varchar": "", "bpchar": "", "char": "", "citext": "", "isbn": "", "inet": "", "cidr": "",
	"macaddr": "", "macaddr8": "",
	"int4range": "", "int8range": "", "numrange": "", "tsrange": "", "tstzrange": "", "daterange": "",
	"json": "io.debezium.data.Json", "jsonb": "io.debezium.data.Json", "xml": "io.debezium.data.Xml",
	"uuid":  "io.debezium.data.Uuid",
	"ltree": "io.debezium.data.Ltree", "tsvector": "io.debezium.data.Tsvector",
}

// base is the codec of a type that is neither array, enum nor domain. Types are recognized by name,
// since the OIDs of extensions' types differ from database to database.
func (k *compiler) base(t *pgmodel.Type, mod int32) (codec, bool) {
	if name, ok := textTypes[t.Name]; ok {
		if name == "" {
			return k.text(record.Of(record.String)), true
		}
		return k.text(semantic(record.String, name)), true
	}
	switch t.Name {
	case "bool":
		return codec{schema: record.Of(record.Boolean), encode: encodeBool(k.out), fallback: false}, true
	case "int2":
		return codec{schema: record.Of(record.Int16), encode: encodeInt(k.out, 16), fallback: int16(0)}, true
	case "int4":
		return codec{schema: record.Of(record.Int32), encode: encodeInt(k.out, 32), fallback: int32(0)}, true
	case "int8", "oid":
		return codec{schema: record.Of(record.Int64), encode: encodeInt(k.out, 64), fallback: int64(0)}, true
	case "float4":
		return codec{schema: record.Of(record.Float32), encode: encodeFloat32(k.out), fallback: float32(0)}, true
	case "float8":
		return codec{schema: record.Of(record.Float64), encode: encodeFloat64(k.out), fallback: float64(0)}, true
	case "name":
		return k.nameType(), true
	case "numeric":
		return k.numeric(mod), true
	case "money":
		return k.money(), true
	case "bytea":
		return k.bytea(), true
	case "bit", "varbit":
		return k.bits(t.Name, mod), true
	case "date":
		return k.date(), true
	case "time":
		return k.time(mod), true
	case "timetz":
		return k.timetz(), true
	case "timestamp":
		return k.timestamp(mod, days), true
	case "timestamptz":
		return k.timestamptz(mod), true
	case "interval":
		return k.interval(), true
	}
	return k.throughJSON(func(k *compiler) (codec, bool) { return k.composed(t) })
}

// composed is base for types whose values are structs, lists or maps, or are made from them.
func (k *compiler) composed(t *pgmodel.Type) (codec, bool) {
	switch t.Name {
	case "int2vector":
		return integers(k.out, record.Int16, 16), true
	case "oidvector":
		return integers(k.out, record.Int64, 64), true
	case "hstore":
		return k.hstore(), true
	case "point":
		return k.point(), true
	case "geometry", "geography":
		return k.geometry(t.Name), true
	case "vector", "halfvec":
		return k.vector(t.Name), true
	case "sparsevec":
		return k.sparseVector(), true
	}
	return codec{}, false
}

// nameType is the codec of name. Debezium knows the type in snapshots, but treats a streamed value
// as one of an unknown type: it is lost unless those are included.
func (k *compiler) nameType() codec {
	c := k.text(record.Of(record.String))
	if !k.cfg.IncludeUnknown {
		c.queried = c.encode
		c.encode, c.lost = nil, true
	}
	return c
}

// unknown is the codec of types that Debezium does not know: the bytes of their text if they are
// included, else none.
func (k *compiler) unknown(t *pgmodel.Type) (codec, bool) {
	if !k.cfg.IncludeUnknown {
		return codec{}, false
	}
	if k.cfg.UnknownAsText {
		return k.text(record.Of(record.String)), true
	}
	c := k.bytea()
	encode := k.encodeBinary(c.schema)
	c.encode = encode
	switch t.Name {
	case "line", "lseg", "box", "path", "polygon", "circle":
		// In Debezium these pass through the JDBC driver's classes, which print coordinates as Java
		// doubles.
		c.encode = func(dst, text []byte) ([]byte, error) {
			return encode(dst, javaCoordinates(text))
		}
	}
	return c, true
}
