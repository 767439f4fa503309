package connectapi_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/transform"
)

func TestEveryTransformationAndPredicateThatIsListedCanBeConfigured(t *testing.T) {
	c := startCluster(t)
	var plugins []struct{ Class, Type, Version string }
	if err := json.Unmarshal([]byte(c.want(t, http.StatusOK, "GET", "/connector-plugins?connectorsOnly=false", "")),
		&plugins); err != nil {
		t.Fatal(err)
	}
	types := map[string]int{}
	for _, plugin := range plugins {
		types[plugin.Type]++
		answer := c.want(t, http.StatusOK, "GET", "/connector-plugins/"+strings.ReplaceAll(plugin.Class, "$",
			"%24")+"/config", "")
		var keys []struct{ Name string }
		if err := json.Unmarshal([]byte(answer), &keys); err != nil || strings.Contains(answer, `"dependents":null`) {
			t.Errorf("%s: %v %.200s", plugin.Class, err, answer)
		}
		var err error
		switch plugin.Type {
		case "transformation":
			_, err = transform.FromSettings(map[string]string{"transforms": "x", "transforms.x.type": plugin.Class})
		case "predicate":
			_, err = transform.FromSettings(map[string]string{"predicates": "x", "predicates.x.type": plugin.Class})
		}
		if err != nil && strings.Contains(err.Error(), "could not be found") {
			t.Errorf("%s is listed, but %v", plugin.Class, err)
		}
	}
	for _, kind := range []string{"source", "sink", "transformation", "predicate", "converter", "header_converter"} {
		if types[kind] == 0 {
			t.Errorf("no %s is listed: %v", kind, types)
		}
	}
}

// The groups and the keys of steps and converters are those that Kafka Connect 4.3.1 answered the
// same request with, but for the versions of plugins; the order of a converter's keys is that of a
// hash table there.
func TestAValidationShowsTheKeysOfTransformationsPredicatesAndConverters(t *testing.T) {
	c := startCluster(t)
	var answer struct {
		Groups  []string
		Configs []struct {
			Definition struct {
				Name, Group string
				Order       int `json:"order_in_group"`
			}
			Value struct {
				Value       *string
				Recommended []string `json:"recommended_values"`
			}
		}
	}
	body := `{"name":"x","connector.class":"FileStreamSink","topics":"t1","transforms":"u","transforms.u.type":"org.apache.kafka.connect.transforms.HoistField$Value","transforms.u.predicate":"p","predicates":"p",
		"predicates.p.type":"org.apache.kafka.connect.transforms.predicates.TopicNameMatches","key.converter":"org.apache.kafka.connect.storage.StringConverter","value.converter":"org.apache.kafka.connect.json.JsonConverter"}`
	if err := json.Unmarshal([]byte(c.want(t, http.StatusOK, "PUT", "/connector-plugins/FileStreamSink/config/validate",
		body)), &answer); err != nil {
		t.Fatal(err)
	}
	if want := []string{"Common", "Transforms", "Predicates", "Error Handling", "Transforms: u", "Predicates: p",
		"Schemas", "Serialization"}; !slices.Equal(answer.Groups, want) {
		t.Errorf("groups %q, want %q", answer.Groups, want)
	}
	var names []string
	values := map[string]string{}
	for _, config := range answer.Configs {
		name := config.Definition.Name
		if strings.Contains(name, ".u.") || strings.Contains(name, ".p.") || strings.Contains(name, ".converter.") &&
			!strings.HasSuffix(name, "plugin.version") {
			names = append(names, name)
		}
		if config.Value.Value != nil {
			values[name] = *config.Value.Value
		}
		if slices.Contains([]string{"key.converter", "value.converter", "header.converter", "transforms.u.type",
			"predicates.p.type"}, name) && len(config.Value.Recommended) == 0 {
			t.Errorf("nothing is recommended for %s", name)
		}
	}
	want := []string{"transforms.u.type", "transforms.u.field", "transforms.u.negate", "transforms.u.predicate",
		"predicates.p.type", "predicates.p.pattern",
		"key.converter.converter.type", "key.converter.converter.encoding", "value.converter.decimal.format",
		"value.converter.converter.type", "value.converter.schemas.cache.size",
		"value.converter.replace.null.with.default", "value.converter.schemas.enable", "value.converter.schema.content"}
	slices.Sort(names)
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("keys %q, want %q", names, want)
	}
	for name, value := range map[string]string{"transforms.u.predicate": "p", "transforms.u.negate": "false",
		"key.converter.converter.type": "key", "value.converter.schemas.enable": "true"} {
		if values[name] != value {
			t.Errorf("%s is %q, want %q", name, values[name], value)
		}
	}
}
