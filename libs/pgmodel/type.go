package pgmodel

import "cmp"

// TypeKind is the kind of a type: pg_type.typtype, with a kind of its own for arrays.
type TypeKind byte

const (
	BaseType       TypeKind = 'b'
	EnumType       TypeKind = 'e'
	DomainType     TypeKind = 'd'
	CompositeType  TypeKind = 'c'
	RangeType      TypeKind = 'r'
	MultirangeType TypeKind = 'm'
	ArrayType      TypeKind = 'A'
)

// Type is a PostgreSQL type as the catalog describes it.
type Type struct {
	OID    uint32
	Schema string
	Name   string
	Kind   TypeKind
	// Elem is the element type of an array, the base type of a domain, the subtype of a range; nil otherwise.
	Elem *Type
	// TypeMod is the modifier that a domain fixes for its base type; -1 if none.
	TypeMod int32
	// Labels are an enum's labels in sort order.
	Labels []string
	// Delimiter separates values of the type in an array; 0 means a comma.
	Delimiter byte
	// OffPath is true if the type's schema is not in the search path of the connector's role.
	OffPath bool
	// Operators is the schema of the operators that ORDER BY compares values with; empty means pg_catalog.
	Operators string
}

// ElementDelimiter returns the character that separates values of the type in an array.
func (t *Type) ElementDelimiter() byte {
	if t.Delimiter == 0 {
		return ','
	}
	return t.Delimiter
}

// OrderSchema is the schema of the operators that ORDER BY compares values with, those of a domain
// being its base type's.
func (t *Type) OrderSchema() string {
	if t == nil {
		return "pg_catalog"
	}
	base, _ := t.Base(-1)
	return cmp.Or(base.Operators, "pg_catalog")
}

// Base returns the type that a domain is based on, through domains of domains, with the modifier
// that applies to it. Any other type is returned as it is, with mod, the column's modifier.
func (t *Type) Base(mod int32) (*Type, int32) {
	for t.Kind == DomainType && t.Elem != nil {
		if mod == -1 {
			mod = t.TypeMod
		}
		t = t.Elem
	}
	return t, mod
}
