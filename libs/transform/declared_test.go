package transform

import (
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/javaregex"
)

// seen is what a transform or predicate holds, with the texts of its patterns in their places.
func seen(v reflect.Value) string {
	switch {
	case v.Type() == reflect.TypeFor[*javaregex.Pattern]() && !v.IsNil():
		return fmt.Sprint(v.Elem().Field(0))
	case v.Type() == reflect.TypeFor[*javaregex.Replacement]():
		return ""
	case v.Kind() == reflect.Pointer && !v.IsNil():
		return seen(v.Elem())
	case v.Kind() != reflect.Struct:
		return fmt.Sprintf("%#v", v)
	}
	var all []string
	for i := range v.NumField() {
		all = append(all, v.Type().Field(i).Name+":"+seen(v.Field(i)))
	}
	return strings.Join(all, " ")
}

// whole are settings of every transform and predicate without defaults, enough for each of them.
var whole = map[string]string{
	"p.regex": ".*", "p.replacement": "x", "p.pattern": ".*", "p.topic.regex": ".*", "p.topic.replacement": "x",
	"p.headers": "a", "p.fields": "a", "p.operation": "copy", "p.field": "f", "p.header": "h", "p.value.literal": "x",
	"p.spec": "a:int8", "p.target.type": "unix", "p.name": "n", "p.topic.field": "t", "p.static.value": "v",
	"p.key.field.replacement": "r", "p.schema.name": "s",
}

func TestEachSettingIsDocumentedAndFillsAFieldWhoseDefaultIsTheDeclaredOne(t *testing.T) {
	made := map[string]func() configured{}
	for class, make := range transforms {
		made[class] = func() configured { return make() }
	}
	for class, make := range predicates {
		made[class] = func() configured { return make() }
	}
	for class, make := range made {
		with := func(name, value string) (string, error) {
			settings := maps.Clone(whole)
			if name != "" {
				settings["p."+name] = value
			}
			c := make()
			err := configure(c, "p.", settings)
			if u, ok := c.(*extractNewRecordState); ok { // which says only whether one counts, not what
				u.handlingGiven = false
			}
			return seen(reflect.ValueOf(c)), err
		}
		bare, err := with("", "")
		if err != nil {
			t.Errorf("%s: %v", class, err)
			continue
		}
		declared, err := catalogue.New(make().keys())
		if err != nil {
			t.Fatalf("%s: %v", class, err)
		}
		for _, key := range declared.Keys() {
			if key.Doc == "" {
				t.Errorf("%s of %s is not documented", key.Name, class)
			}
			if key.Unsupported != "" {
				continue
			}
			_, set := whole["p."+key.Name]
			// Keys of Debezium's earlier releases have defaults beside each other only: one that is set replaces a later key.
			if key.Default != nil && !set && !key.Hidden {
				if c, err := with(key.Name, *key.Default); err != nil || c != bare {
					t.Errorf("%s=%s of %s, its default, is not what leaving it out is: %v\n%s\n%s", key.Name, *key.Default,
						class, err, c, bare)
				}
			}
			effective := false
			for _, value := range append([]string{"true", "false", "7", "b", "b:c", "b:header", "b:int16", "ignore",
				"(?<routedByValue>b)"}, key.Allowed...) {
				if c, err := with(key.Name, value); err == nil && c != bare {
					effective = true
				}
			}
			if !effective && key.Name != "field.format" { // of which one value is taken
				t.Errorf("no value of %s changes what %s does", key.Name, class)
			}
		}
	}
}
