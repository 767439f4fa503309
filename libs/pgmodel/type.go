package pgmodel

// TypeKind is what sort of type a Type is (pg_type.typtype, with arrays apart).
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
	// TypeMod is the modifier a domain fixes on its base type; -1 if none.
	TypeMod int32
	// Labels are an enum's labels in sort order.
	Labels []string
	// Delimiter is what stands between values of the type in an array; 0 means a comma.
	Delimiter byte
	// OffPath says that the type's schema is not in the search path of the connector's role.
	OffPath bool
}

// ElementDelimiter returns what stands between values of the type in an array.
func (t *Type) ElementDelimiter() byte {
	if t.Delimiter == 0 {
		return ','
	}
	return t.Delimiter
}

// Base returns the type that a domain is based on, through domains of domains, and the modifier
// that belongs to it; any other type itself with mod, the modifier of the column.
func (t *Type) Base(mod int32) (*Type, int32) {
	for t.Kind == DomainType && t.Elem != nil {
		if mod == -1 {
			mod = t.TypeMod
		}
		t = t.Elem
	}
	return t, mod
}
