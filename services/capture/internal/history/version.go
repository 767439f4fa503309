package history

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// Column is a column as its table's events have it.
type Column struct {
	Name string `json:"name"`
	// Type is the PostgreSQL type as format_type writes it, such as numeric(10,2).
	Type string `json:"type"`
	// Optional says that the value may be null.
	Optional bool `json:"optional,omitempty"`
	// Key is the column's place in the key of the events, counted from 1; 0 outside of it.
	Key int `json:"key,omitempty"`
	// Number is pg_attribute.attnum, by which a renamed column is recognised; 0 if it could not be
	// found out.
	Number int16 `json:"number,omitempty"`
}

// Description is what a table looks like at one point of the stream.
type Description struct {
	// OID tells a table from another that had its name before.
	OID uint32 `json:"oid,omitempty"`
	// ReplicaIdentity is DEFAULT, NOTHING, FULL or INDEX.
	ReplicaIdentity string   `json:"replica_identity"`
	Columns         []Column `json:"columns"`
}

// Describe describes a relation whose events have the given columns. Generated columns are left
// out: snapshots read them, but before PostgreSQL 18 the stream does not have them, so that they
// would come and go.
func Describe(rel *pgmodel.Relation, columns []debezium.EventColumn) Description {
	d := Description{OID: rel.OID, ReplicaIdentity: IdentityName(rel.ReplicaIdentity)}
	for _, c := range columns {
		if !c.Column.Generated {
			d.Columns = append(d.Columns, Column{Name: c.Column.Name, Type: c.Column.Declared,
				Optional: !c.Column.NotNull, Key: c.KeyPosition, Number: c.Column.Number})
		}
	}
	return d
}

// IdentityName writes pg_class.relreplident as ALTER TABLE … REPLICA IDENTITY does.
func IdentityName(identity byte) string {
	switch identity {
	case 'd':
		return "DEFAULT"
	case 'n':
		return "NOTHING"
	case 'f':
		return "FULL"
	case 'i':
		return "INDEX"
	}
	return ""
}

// key lists the key's columns in its order.
func (d *Description) key() []Column {
	var key []Column
	for _, c := range d.Columns {
		if c.Key > 0 {
			key = append(key, c)
		}
	}
	slices.SortFunc(key, func(a, b Column) int { return cmp.Compare(a.Key, b.Key) })
	return key
}

// Point is where in the stream something was seen.
type Point struct {
	// At identifies the change: its transaction's commit and its ordinal in it, 0 for what a snapshot shows.
	At pgrepl.Position `json:"at"`
	// LSN is the change's own position, source.lsn of its event.
	LSN pgrepl.LSN `json:"lsn"`
	// Time is when the transaction committed, or the snapshot was taken.
	Time time.Time `json:"time"`
}

// Version is one version of a table. It is also the form in which versions are kept.
type Version struct {
	// Table is schema.table.
	Table  string `json:"table"`
	Number int    `json:"version"`
	// From is where the version was first seen.
	From Point `json:"from"`
	Description
	// Changes are the differences from the version before; none for the first.
	Changes []Change `json:"changes,omitempty"`
}

// Breaking reports whether a reader of the topic that was made for the version before may fail or misread from here on.
func (v *Version) Breaking() bool {
	return slices.ContainsFunc(v.Changes, func(c Change) bool { return c.Breaking })
}

// Summary says in a line what changed.
func (v *Version) Summary() string {
	if len(v.Changes) == 0 {
		return "first version"
	}
	texts := make([]string, len(v.Changes))
	for i, c := range v.Changes {
		texts[i] = c.String()
	}
	kind := "compatible"
	if v.Breaking() {
		kind = "breaking"
	}
	return fmt.Sprintf("%s: %s", kind, strings.Join(texts, "; "))
}
