package command

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/ingest"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
	"github.com/calypso-cdc/calypso/services/localadx/store"
)

// mappingKinds are the kinds of mapping whose formats can be ingested.
const mappingKinds = "{kind:json|csv|avro|apacheavro|parquet}"

func mappingCommands() []definition {
	definitions := []definition{
		{".show table <table> ingestion mappings", "list a table's ingestion mappings", showMappings},
		{".show table <table> ingestion " + mappingKinds + " mappings",
			"list a table's ingestion mappings of a kind", showMappings},
		{".show table <table> ingestion " + mappingKinds + " mapping <mapping:string>",
			"show an ingestion mapping", showMapping},
		{".show table <table> ingestion mapping <mapping:string>", "show an ingestion mapping", showMapping},
		{".show database [ <database> ] ingestion mappings", "list the database's own ingestion mappings", showMappings},
		{".show database [ <database> ] ingestion " + mappingKinds + " mappings",
			"list the database's own ingestion mappings of a kind", showMappings},
		{".show database [ <database> ] ingestion " + mappingKinds + " mapping <mapping:string>",
			"show an ingestion mapping of the database", showMapping},
		{".drop table <table> ingestion " + mappingKinds + " mapping <mapping:string>",
			"remove an ingestion mapping", dropMapping},
		{".drop database [ <database> ] ingestion " + mappingKinds + " mapping <mapping:string>",
			"remove an ingestion mapping of the database", dropMapping},
	}
	for _, v := range []struct {
		verb, about string
		run         func(*call) (*Result, error)
	}{
		{".create", "make an ingestion mapping", createMapping},
		{".create-or-alter", "make or replace an ingestion mapping", createOrAlterMapping},
		{".alter", "replace an ingestion mapping", alterMapping},
	} {
		definitions = append(definitions,
			definition{v.verb + " table <table> ingestion " + mappingKinds +
				" mapping <mapping:string> <text:string> [ with <options:props> ]", v.about, v.run},
			definition{v.verb + " database [ <database> ] ingestion " + mappingKinds +
				" mapping <mapping:string> <text:string> [ with <options:props> ]",
				v.about + " for all tables of a database", v.run})
	}
	return definitions
}

func mappingResult() *Result {
	return newResult("Name:string", "Kind:string", "Mapping:string", "LastUpdatedOn:datetime",
		"Database:string", "Table:string")
}

func (r *Result) addMapping(m namedMapping, database, table string) {
	r.add(m.key.Name, kindName(m.key.Kind), m.Text, value.TicksOf(m.Updated), database, table)
}

// kindName writes a kind as Kusto's answers do: "Json".
func kindName(kind string) string { return strings.ToUpper(kind[:1]) + kind[1:] }

type namedMapping struct {
	key store.MappingKey
	store.Mapping
}

// sortedMappings lists mappings by kind and name.
func sortedMappings(mappings map[store.MappingKey]store.Mapping) []namedMapping {
	keys := slices.SortedFunc(maps.Keys(mappings), func(a, b store.MappingKey) int {
		return strings.Compare(a.Kind+"\x00"+a.Name, b.Kind+"\x00"+b.Name)
	})
	sorted := make([]namedMapping, len(keys))
	for i, k := range keys {
		sorted[i] = namedMapping{k, mappings[k]}
	}
	return sorted
}

// mappingKey is the mapping that the command names. ADX keeps Avro's two formats under one kind.
func (c *call) mappingKey() store.MappingKey {
	kind := c.Text("kind")
	if kind == "apacheavro" {
		kind = "avro"
	}
	return store.MappingKey{Kind: kind, Name: c.Text("mapping")}
}

func createMapping(c *call) (*Result, error) {
	return putMapping(c, func(exists bool) error {
		if exists {
			return &store.ExistsError{Kind: "Mapping", Name: c.Text("mapping")}
		}
		return nil
	})
}

func createOrAlterMapping(c *call) (*Result, error) {
	return putMapping(c, func(bool) error { return nil })
}

func alterMapping(c *call) (*Result, error) {
	return putMapping(c, func(exists bool) error {
		if !exists {
			return &store.NotFoundError{Kind: "Mapping", Name: c.Text("mapping")}
		}
		return nil
	})
}

func putMapping(c *call, check func(exists bool) error) (*Result, error) {
	key := c.mappingKey()
	mapping, err := ingest.ParseMapping(key.Kind, c.Text("text"))
	if err != nil {
		return nil, err
	}
	r := mappingResult()
	err = changeMappings(c, func(mappings map[store.MappingKey]store.Mapping, database string, t *store.Table) error {
		_, exists := mappings[key]
		if err := check(exists); err != nil {
			return err
		}
		table := ""
		if t != nil {
			table = t.Name
			for _, e := range mapping.Elements {
				// A column that the table lacks is an error unless the mapping says its type: queued ingestion adds it then.
				if _, ok := t.Column(e.Column); !ok && e.Type == value.Unknown {
					return badRequest("Mapping '%s' names column '%s', which table '%s' does not have", key.Name, e.Column, t.Name)
				}
			}
		}
		m := store.Mapping{Text: c.Text("text"), Updated: time.Now().UTC()}
		mappings[key] = m
		r.addMapping(namedMapping{key, m}, database, table)
		return nil
	})
	return r, err
}

// changeMappings runs a change on the mappings of the table or database that the command names.
func changeMappings(c *call, change func(mappings map[store.MappingKey]store.Mapping, database string,
	t *store.Table) error) error {
	database := c.Database
	if c.Has("database") {
		database = c.Text("database")
	}
	return c.env.Store.ChangeDatabase(c.ctx, database, func(d *store.Change) error {
		if !c.Has("table") {
			return change(d.Database.Mappings, d.Database.Name, nil)
		}
		t, err := d.Database.Table(c.Text("table"))
		if err != nil {
			return err
		}
		return change(t.Mappings, d.Database.Name, t)
	})
}

func dropMapping(c *call) (*Result, error) {
	key := c.mappingKey()
	r := mappingResult()
	err := changeMappings(c, func(mappings map[store.MappingKey]store.Mapping, database string, t *store.Table) error {
		if _, ok := mappings[key]; !ok {
			return &store.NotFoundError{Kind: "Mapping", Name: key.Name}
		}
		delete(mappings, key)
		table := ""
		if t != nil {
			table = t.Name
		}
		for _, m := range sortedMappings(mappings) {
			r.addMapping(m, database, table)
		}
		return nil
	})
	return r, err
}

// mappings returns the mappings of the table or database that the command names.
func mappings(c *call) (mappings map[store.MappingKey]store.Mapping, database, table string, err error) {
	if c.Has("table") {
		d, t, err := c.table("table")
		if err != nil {
			return nil, "", "", err
		}
		return t.Mappings, d.Name, t.Name, nil
	}
	d, err := c.database("database")
	if err != nil {
		return nil, "", "", err
	}
	return d.Mappings, d.Name, "", nil
}

func showMappings(c *call) (*Result, error) {
	mappings, database, table, err := mappings(c)
	if err != nil {
		return nil, err
	}
	r := mappingResult()
	for _, m := range sortedMappings(mappings) {
		if !c.Has("kind") || m.key.Kind == c.mappingKey().Kind {
			r.addMapping(m, database, table)
		}
	}
	return r, nil
}

func showMapping(c *call) (*Result, error) {
	mappings, database, table, err := mappings(c)
	if err != nil {
		return nil, err
	}
	r := mappingResult()
	for _, m := range sortedMappings(mappings) {
		if m.key.Name == c.Text("mapping") && (!c.Has("kind") || m.key.Kind == c.mappingKey().Kind) {
			r.addMapping(m, database, table)
		}
	}
	if len(r.Rows) == 0 {
		return nil, &store.NotFoundError{Kind: "Mapping", Name: c.Text("mapping")}
	}
	return r, nil
}
