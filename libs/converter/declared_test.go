package converter

import (
	"testing"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue/keycheck"
	"github.com/calypso-cdc/calypso/libs/record"
)

func TestEachKeyOfAConverterIsDocumentedAndFillsAFieldWhoseDefaultIsTheDeclaredOne(t *testing.T) {
	for _, class := range classes {
		whole := map[string]string{string(Value): class.name}
		if class.name == record.AvroConverterClass {
			whole[string(Value)+".schema.registry.url"] = "http://registry"
		}
		keycheck.Check(t, keycheck.Keys{
			Of: class.name, Declared: catalogue.Under(string(Value)+".", class.settings(Value).keys()), Whole: whole,
			Read: func(settings map[string]string) (any, error) {
				c, err := New(Value, settings)
				c.SchemasGiven = false // which says only that the default does not count
				return c, err
			},
		})
	}
}
