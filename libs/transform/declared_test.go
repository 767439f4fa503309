package transform

import (
	"testing"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue/keycheck"
)

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
		var declared []catalogue.Key
		without := map[string]string{}
		for _, key := range make().keys() {
			key.Name = "p." + key.Name
			declared = append(declared, key)
			if key.Name == "p.field.format" {
				without[key.Name] = "of its values one is taken"
			}
		}
		keycheck.Check(t, keycheck.Keys{
			Of: class, Declared: declared, Whole: whole,
			Read: func(settings map[string]string) (any, error) {
				c := make()
				err := configure(c, "p.", settings)
				if u, ok := c.(*extractNewRecordState); ok { // which says only whether one counts, not what
					u.handlingGiven = false
				}
				return c, err
			},
			Values:  map[string][]string{"p.spec": {"b:int16"}, "p.route.topic.regex": {"(?<routedByValue>b)"}},
			Without: without,
		})
	}
}
