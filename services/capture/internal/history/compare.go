package history

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is what sort of change a Change is.
type Kind string

const (
	ColumnAdded     Kind = "column-added"
	ColumnDropped   Kind = "column-dropped"
	ColumnRenamed   Kind = "column-renamed"
	TypeChanged     Kind = "type-changed"
	OptionalChanged Kind = "optional-changed"
	KeyChanged      Kind = "key-changed"
	IdentityChanged Kind = "replica-identity-changed"
)

// Change is one difference between two versions of a table.
type Change struct {
	Kind Kind `json:"kind"`
	// Column is the column's name in the newer version, in the older one if it was dropped; empty for key and identity.
	Column string `json:"column,omitempty"`
	// From and To are what it was and is: names, types, "optional" and "required", the key's
	// columns, identities. Of a column that came or went, To or From is its type.
	From     string `json:"from,omitempty"`
	To       string `json:"to,omitempty"`
	Breaking bool   `json:"breaking,omitempty"`
}

func (c Change) String() string {
	switch c.Kind {
	case ColumnAdded:
		return fmt.Sprintf("column %s %s added", c.Column, c.To)
	case ColumnDropped:
		return fmt.Sprintf("column %s %s dropped", c.Column, c.From)
	case ColumnRenamed:
		return fmt.Sprintf("column %s renamed to %s", c.From, c.To)
	case KeyChanged:
		return fmt.Sprintf("key changed from (%s) to (%s)", c.From, c.To)
	case IdentityChanged:
		return fmt.Sprintf("replica identity changed from %s to %s", c.From, c.To)
	}
	return fmt.Sprintf("column %s changed from %s to %s", c.Column, c.From, c.To)
}

// compare lists the differences between two descriptions of a table, and judges each by what it
// means for a reader that was made for the older one and meets events of the newer:
//
//   - An added column is compatible, optional or not: the reader passes over a field that it does
//     not know. (One who reads the whole topic by the newer version must allow for older events
//     without the field.)
//   - A dropped column is breaking: a field that the reader may need is gone. So is a renamed one, for its old name is.
//   - Another type is breaking, unless every value is still one of the old type's kind and the
//     event's form stays: integers and floats that become wider, character varying of any length
//     and text among each other, numeric of the same scale with more digits. Anything else may
//     change the field's form (a number becomes text, microseconds become milliseconds).
//   - A column that becomes optional is breaking: the reader may meet null where there was none.
//     One that becomes required is compatible.
//   - Another key is breaking: messages have other keys, so a row moves to another partition and
//     compaction forgets nothing of its old key.
//   - A replica identity is breaking unless it becomes FULL: before loses columns, or other columns come in it.
//
// Columns are the same if they have the same number in the same table, else if they have the same
// name. So a renamed column is recognised if the catalog gave the numbers of both, and otherwise
// counts as dropped and added. The order of columns means nothing.
//
// successor is the result of match.
func compare(old, new *Description, successor []int) []Change {
	var changes []Change
	for i, o := range old.Columns {
		if successor[i] < 0 {
			changes = append(changes, Change{Kind: ColumnDropped, Column: o.Name, From: o.Type, Breaking: true})
			continue
		}
		n := new.Columns[successor[i]]
		if o.Name != n.Name {
			changes = append(changes, Change{Kind: ColumnRenamed, Column: n.Name, From: o.Name, To: n.Name, Breaking: true})
		}
		if o.Type != n.Type {
			changes = append(changes, Change{Kind: TypeChanged, Column: n.Name, From: o.Type, To: n.Type,
				Breaking: !widens(o.Type, n.Type)})
		}
		if o.Optional != n.Optional {
			changes = append(changes, Change{Kind: OptionalChanged, Column: n.Name, From: presence(o), To: presence(n),
				Breaking: n.Optional})
		}
	}
	for i, n := range new.Columns {
		if !slices.Contains(successor, i) {
			changes = append(changes, Change{Kind: ColumnAdded, Column: n.Name, To: n.Type})
		}
	}
	if keyChanged(old, new, successor) {
		changes = append(changes, Change{Kind: KeyChanged, From: names(old.key()), To: names(new.key()), Breaking: true})
	}
	if old.ReplicaIdentity != new.ReplicaIdentity {
		changes = append(changes, Change{Kind: IdentityChanged, From: old.ReplicaIdentity, To: new.ReplicaIdentity,
			Breaking: new.ReplicaIdentity != "FULL"})
	}
	return changes
}

// match finds for each old column the index of the same column in the newer description; -1 if it is gone.
func match(old, new *Description) []int {
	successor := make([]int, len(old.Columns))
	taken := make([]bool, len(new.Columns))
	pair := func(same func(o, n Column) bool) {
		for i, o := range old.Columns {
			if successor[i] >= 0 {
				continue
			}
			for j, n := range new.Columns {
				if !taken[j] && same(o, n) {
					successor[i], taken[j] = j, true
					break
				}
			}
		}
	}
	for i := range successor {
		successor[i] = -1
	}
	if old.OID == new.OID {
		pair(func(o, n Column) bool { return o.Number != 0 && o.Number == n.Number })
	}
	pair(func(o, n Column) bool { return o.Name == n.Name })
	return successor
}

// keyChanged reports whether the key is made of other columns, or of the same in another order. A
// key column that only has another name is a renamed column.
func keyChanged(old, new *Description, successor []int) bool {
	for i, o := range old.Columns {
		place := 0
		if successor[i] >= 0 {
			place = new.Columns[successor[i]].Key
		}
		if o.Key != place {
			return true
		}
	}
	return len(old.key()) != len(new.key())
}

func names(columns []Column) string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = c.Name
	}
	return strings.Join(all, ", ")
}

func presence(c Column) string {
	if c.Optional {
		return "optional"
	}
	return "required"
}

// widths are families of types in which each takes all values of those before it.
var widths = [...][]string{{"smallint", "integer", "bigint"}, {"real", "double precision"}}

// widens reports whether a type takes the values of another and events show them alike.
func widens(from, to string) bool {
	for _, family := range widths {
		if i := slices.Index(family, from); i >= 0 {
			return slices.Index(family, to) > i
		}
	}
	if isText(from) && isText(to) {
		return true
	}
	var digits, scale, more, same int
	if n, _ := fmt.Sscanf(from, "numeric(%d,%d)", &digits, &scale); n != 2 {
		return false
	}
	n, _ := fmt.Sscanf(to, "numeric(%d,%d)", &more, &same)
	return n == 2 && same == scale && more >= digits
}

func isText(t string) bool {
	return t == "text" || t == "character varying" || strings.HasPrefix(t, "character varying(") &&
		!strings.HasSuffix(t, "[]")
}
