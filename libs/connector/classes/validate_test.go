package classes

import (
	"errors"
	"fmt"
	"testing"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/secret"
)

func TestAFaultIsOfTheKeyThatItSaysWhateverItsWordsName(t *testing.T) {
	keys, err := catalogue.New(catalogue.SourceFramework(),
		[]catalogue.Key{{Name: "a.first", Type: catalogue.String}, {Name: "a.second", Type: catalogue.String}})
	if err != nil {
		t.Fatal(err)
	}
	first := catalogue.Problemf("a.first", "a.first needs a.second: %w", errors.New("it is missing"))
	for name, c := range map[string]struct {
		err  error
		want []string
	}{
		"one fault": {first, []string{"a.first: a.first needs a.second: it is missing"}},
		"a fault within another error": {fmt.Errorf("read a.second: %w", first),
			[]string{"a.first: a.first needs a.second: it is missing"}},
		"several": {errors.Join(first, catalogue.Problemf("a.second", "no")),
			[]string{"a.first: a.first needs a.second: it is missing", "a.second: no"}},
		"joined within joined": {errors.Join(errors.Join(first), errors.Join(catalogue.Problemf("a.second", "no"))),
			[]string{"a.first: a.first needs a.second: it is missing", "a.second: no"}},
		"words that name a key say none": {errors.New("a.second is missing"), []string{"tasks.max: a.second is missing"}},
	} {
		plugin := connector.Plugin{Class: "test.SourceConnector", Type: connector.Source, Catalogue: keys,
			Tasks: func(catalogue.Values) (int, error) { return 0, c.err }}
		checked := New([]connector.Plugin{plugin}, secret.References{}).Validate(plugin,
			map[string]string{"name": "x", "connector.class": "SourceConnector"}, nil)
		var got []string
		for _, p := range checked.Problems {
			got = append(got, p.Key+": "+p.Message)
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestAFaultThatAClassFindsIsNamedByTheNameThatTheConfigurationHas(t *testing.T) {
	keys, err := catalogue.New(catalogue.SourceFramework(),
		[]catalogue.Key{{Name: "topic.prefix", Aliases: []string{"database.server.name"}, Type: catalogue.String}})
	if err != nil {
		t.Fatal(err)
	}
	plugin := connector.Plugin{Class: "test.SourceConnector", Type: connector.Source, Catalogue: keys,
		Tasks: func(catalogue.Values) (int, error) {
			return 0, catalogue.Problemf("topic.prefix", "topic.prefix is taken")
		}}
	for _, name := range []string{"topic.prefix", "database.server.name"} {
		for further, more := range map[string]map[string]string{"alone": nil, "beside another": {"tasks.max": "no"}} {
			config := map[string]string{"name": "x", "connector.class": "SourceConnector", name: "shop"}
			for key, value := range more {
				config[key] = value
			}
			checked := New([]connector.Plugin{plugin}, secret.References{}).Validate(plugin, config, nil)
			last := checked.Problems[len(checked.Problems)-1]
			if last.Key != name || last.Message != name+" is taken" {
				t.Errorf("%s %s: %+v", name, further, checked.Problems)
			}
		}
	}
}
