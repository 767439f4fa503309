package pgmodel

import "slices"

// Column is one column of a Relation.
type Column struct {
	Name string
	Type *Type
	// TypeMod is pg_attribute.atttypmod: a length, or precision and scale; -1 if none.
	TypeMod int32
	// NotNull is true if the column or its domain is declared NOT NULL. Rows may have NULL all the same:
	// a domain's NOT NULL is not asked of what an outer join or an empty subquery gives, and a
	// constraint that is NOT VALID (PostgreSQL 18) not of the rows that there are. NeverNull says that
	// none can.
	NotNull, NeverNull bool
	// InIdentity is true for columns of the replica identity.
	InIdentity bool
	// Default is the default expression as pg_get_expr prints it, for a generated column the
	// expression that generates it; empty if there is none.
	Default string
	// Generated is true for GENERATED ALWAYS AS (…) STORED, Identity for identity columns.
	Generated bool
	Identity  bool
	Comment   string
	// Number is pg_attribute.attnum, which a renamed column keeps; 0 for a column that the catalog no longer knows.
	Number int16
	// Declared is the type with its modifier as format_type writes it, such as character varying(40).
	Declared string
	// Toasted is true if large values may be stored out of line: an update that does not change such a
	// value does not carry it.
	Toasted bool
}

// Relation is one version of a table.
type Relation struct {
	OID    uint32
	Schema string
	Name   string
	// ReplicaIdentity is pg_class.relreplident: d, n, f or i.
	ReplicaIdentity byte
	Columns         []Column
	// Key holds the indexes of the key columns in key order: the primary key, else the first usable unique index.
	Key []int
	// Root names the root of a partitioned table, for the root itself and its partitions; empty for
	// other tables.
	Root string
	// Streamed is true if the replication stream described the relation, not the catalog.
	Streamed bool
}

// IdentityColumns returns the indexes of the columns that identify a row: those of the replica
// identity's index, which are NOT NULL and whose values every change carries; else those of a key
// that is never NULL; else all columns but the generated ones, which the stream does not carry.
func (rel *Relation) IdentityColumns() (columns []int) {
	if rel.ReplicaIdentity == 'd' || rel.ReplicaIdentity == 'i' {
		for i := range rel.Columns {
			if rel.Columns[i].InIdentity {
				columns = append(columns, i)
			}
		}
	}
	nullable := func(i int) bool { return !rel.Columns[i].NeverNull }
	switch {
	case len(columns) > 0:
		return columns
	case len(rel.Key) > 0 && !slices.ContainsFunc(rel.Key, nullable):
		return rel.Key
	}
	for i := range rel.Columns {
		if !rel.Columns[i].Generated {
			columns = append(columns, i)
		}
	}
	return columns
}
