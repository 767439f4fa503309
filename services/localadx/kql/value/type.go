package value

import "strings"

// Type is a scalar type of the Kusto query language.
type Type uint8

// The scalar types. Unknown is the type of an expression that has none (an error, or the null literal).
const (
	Unknown Type = iota
	Bool
	Int
	Long
	Real
	Decimal
	String
	Datetime
	Timespan
	GUID
	Dynamic
)

// typeNames are the canonical names, by Type.
var typeNames = [...]string{"unknown", "bool", "int", "long", "real", "decimal", "string", "datetime", "timespan",
	"guid", "dynamic"}

// dotnetNames are the names getschema and the v1 protocol call DataType, by Type.
var dotnetNames = [...]string{"System.Object", "System.SByte", "System.Int32", "System.Int64", "System.Double",
	"System.Data.SqlTypes.SqlDecimal", "System.String", "System.DateTime", "System.TimeSpan", "System.Guid",
	"System.Object"}

// physicalNames are the DuckDB types values are stored as, by Type. A string is never null: store ”. A decimal is in
// its stored form; see Decimal128.
var physicalNames = [...]string{"VARCHAR", "BOOLEAN", "INTEGER", "BIGINT", "DOUBLE", "VARCHAR", "VARCHAR",
	"BIGINT", "BIGINT", "UUID", "VARCHAR"}

// String returns the canonical Kusto name, such as "long".
func (t Type) String() string { return typeNames[t] }

// DotNet returns the .NET name, such as "System.Int64", that getschema shows in its DataType column.
func (t Type) DotNet() string { return dotnetNames[t] }

// Physical returns the DuckDB type that holds values of t, such as "BIGINT" for datetime (ticks).
func (t Type) Physical() string { return physicalNames[t] }

// Numeric reports whether t is int, long, real or decimal.
func (t Type) Numeric() bool { return t == Int || t == Long || t == Real || t == Decimal }

// Integer reports whether t is int or long.
func (t Type) Integer() bool { return t == Int || t == Long }

// ParseType returns the type a Kusto type name or one of its synonyms denotes ("double" is real, "date" is datetime,
// "System.Int64" is long), without regard to case.
func ParseType(name string) (Type, bool) {
	switch strings.ToLower(name) {
	case "bool", "boolean", "system.boolean", "system.sbyte":
		return Bool, true
	case "int", "int32", "uint", "uint32", "int8", "uint8", "int16", "uint16", "system.int32":
		return Int, true
	case "long", "int64", "ulong", "uint64", "system.int64":
		return Long, true
	case "real", "double", "float", "system.double":
		return Real, true
	case "decimal", "sqldecimal", "system.data.sqltypes.sqldecimal":
		return Decimal, true
	case "string", "system.string":
		return String, true
	case "datetime", "date", "system.datetime":
		return Datetime, true
	case "timespan", "time", "system.timespan":
		return Timespan, true
	case "guid", "uuid", "uniqueid", "system.guid":
		return GUID, true
	case "dynamic", "object", "system.object":
		return Dynamic, true
	}
	return Unknown, false
}
