package catalogue_test

import (
	"slices"
	"testing"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

func TestAChangeLeadsToWhatItsKeysDeclare(t *testing.T) {
	keys, err := catalogue.New([]catalogue.Key{
		{Name: "mode", Aliases: []string{"old.mode"}, Type: catalogue.String, Default: catalogue.Default("fast"),
			Allowed:      []string{"fast", "slow"},
			Consequences: []catalogue.Consequence{{Effect: catalogue.RowsChange, Doc: "same"}}},
		{Name: "form.*", Type: catalogue.String,
			Consequences: []catalogue.Consequence{{Effect: catalogue.RowsChange, Doc: "same"}}},
		{Name: "form.own", Type: catalogue.String},
		{Name: "tables", Type: catalogue.List, Consequences: []catalogue.Consequence{
			{Effect: catalogue.TablesAdded, Items: catalogue.Gains},
			{Effect: catalogue.TablesRemoved, Items: catalogue.Loses}}},
		{Name: "not", Type: catalogue.List, Consequences: []catalogue.Consequence{
			{Effect: catalogue.TablesAdded, Doc: "not", Items: catalogue.Shrinks},
			{Effect: catalogue.TablesRemoved, Doc: "not", Items: catalogue.Grows}}},
		{Name: "gone", Type: catalogue.String, Unsupported: "It is gone.",
			Consequences: []catalogue.Consequence{{Effect: catalogue.NewSlot}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		what          string
		before, after map[string]string
		want          []string
	}{
		{"nothing", map[string]string{"mode": "slow"}, map[string]string{"mode": "slow"}, nil},
		{"the default is set", nil, map[string]string{"mode": " FAST "}, nil},
		{"another spelling of the key", map[string]string{"old.mode": "slow"}, map[string]string{"mode": "slow"}, nil},
		{"a value", map[string]string{"mode": "slow"}, nil, []string{"ROWS_CHANGE mode"}},
		{"several keys lead to the same", map[string]string{"form.a": "1", "form.b": "1"},
			map[string]string{"mode": "slow", "form.b": "2"}, []string{"ROWS_CHANGE mode form.a form.b"}},
		{"a member with a declaration of its own", nil, map[string]string{"form.own": "1"}, nil},
		{"an item is added", map[string]string{"tables": "a"}, map[string]string{"tables": "a, b"},
			[]string{"TABLES_ADDED tables"}},
		{"an item is taken out", map[string]string{"tables": "a,b"}, map[string]string{"tables": "b"},
			[]string{"TABLES_REMOVED tables"}},
		{"items are replaced", map[string]string{"tables": "a"}, map[string]string{"tables": "b"},
			[]string{"TABLES_ADDED tables", "TABLES_REMOVED tables"}},
		{"items are reordered", map[string]string{"tables": "a,b"}, map[string]string{"tables": "b,a"}, nil},
		{"a list begins to restrict", nil, map[string]string{"tables": "a"}, []string{"TABLES_REMOVED tables"}},
		{"a list ends to restrict", map[string]string{"tables": "a"}, nil, []string{"TABLES_ADDED tables"}},
		{"an exclusion", map[string]string{"not": "a"}, map[string]string{"not": "a,b"}, []string{"TABLES_REMOVED not"}},
		{"no exclusion any more", map[string]string{"not": "a"}, nil, []string{"TABLES_ADDED not"}},
		{"what has no effect", nil, map[string]string{"gone": "x"}, nil},
	} {
		before, _, _ := keys.Parse(test.before)
		after, _, _ := keys.Parse(test.after)
		var got []string
		for _, following := range keys.Consequences(before, after) {
			said := string(following.Consequence.Effect)
			for _, key := range following.Keys {
				said += " " + key
			}
			got = append(got, said)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.what, got, test.want)
		}
	}
}
