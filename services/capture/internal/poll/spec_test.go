package poll

import (
	"fmt"
	"testing"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue/keycheck"
)

func TestEachKeyIsDocumentedAndMakesADifferenceAndItsDefaultNone(t *testing.T) {
	keys, err := newCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	keycheck.Check(t, keycheck.Keys{
		Of: "a polling connector", Declared: new(reading).keys(),
		Whole: map[string]string{
			"name": "c", "connector.class": Class, "connection.url": "jdbc:postgresql://h/d", "topic.prefix": "x", "mode": "bulk",
		},
		Read: func(set map[string]string) (any, error) {
			values, _, problems := keys.Parse(set)
			if len(problems) > 0 {
				return nil, fmt.Errorf("%v", problems)
			}
			return parse(values)
		},
		Values: map[string][]string{"connection.url": {"jdbc:postgresql://g/d"}},
	})
}
