package encode

import "github.com/calypso-cdc/calypso/libs/pgmodel"

// Cache finds the Table of a relation. Asking again for the one used last costs one comparison.
type Cache struct {
	rules Rules
	byRel map[*pgmodel.Relation]*Table
	last  *Table
}

// NewCache makes an empty cache, whose tables are compiled by the rules.
func NewCache(rules Rules) *Cache {
	return &Cache{rules: rules, byRel: make(map[*pgmodel.Relation]*Table)}
}

// Of returns the relation's Table, which is compiled with the first use.
func (c *Cache) Of(rel *pgmodel.Relation) (*Table, error) {
	if c.last != nil && c.last.Columns.Relation == rel {
		return c.last, nil
	}
	t := c.byRel[rel]
	if t == nil {
		var err error
		if t, err = c.rules.Table(rel); err != nil {
			return nil, err
		}
		for old := range c.byRel { // an older version of the table is no longer needed
			if rel.OID != 0 && old.OID == rel.OID {
				delete(c.byRel, old)
			}
		}
		c.byRel[rel] = t
	}
	c.last = t
	return t, nil
}
