package pgmodel

import (
	"slices"
	"testing"
)

func TestRowsAreToldApartByTheIdentityThenTheKeyThenAllThatTheStreamBrings(t *testing.T) {
	columns := []Column{{Name: "id", NotNull: true, NeverNull: true, InIdentity: true}, {Name: "part"}, {Name: "sum", Generated: true}}
	for _, c := range []struct {
		of       string
		identity byte
		key      []int
		want     []int
	}{
		{"the index of the identity", 'd', []int{1}, []int{0}},
		{"a key that is NOT NULL, where the identity is the whole row", 'f', []int{0}, []int{0}},
		{"all but generated columns, where the key may be null", 'f', []int{0, 1}, []int{0, 1}},
		{"all but generated columns, where there is no key", 'n', nil, []int{0, 1}},
	} {
		rel := &Relation{ReplicaIdentity: c.identity, Key: c.key, Columns: columns}
		if got := rel.IdentityColumns(); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.of, got, c.want)
		}
	}
}

func TestTheBaseOfADomainHasTheFirstModifierOnTheWay(t *testing.T) {
	numeric := &Type{Name: "numeric", Kind: BaseType, TypeMod: -1}
	inner := &Type{Name: "price", Kind: DomainType, Elem: numeric, TypeMod: 655366}
	outer := &Type{Name: "gross", Kind: DomainType, Elem: inner, TypeMod: -1}
	if base, mod := outer.Base(-1); base != numeric || mod != 655366 {
		t.Errorf("the base of a domain of a domain is %s(%d)", base.Name, mod)
	}
	if base, mod := numeric.Base(7); base != numeric || mod != 7 {
		t.Errorf("the base of what is no domain is %s(%d)", base.Name, mod)
	}
}
