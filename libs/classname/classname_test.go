package classname_test

import (
	"slices"
	"testing"

	"github.com/calypso-cdc/calypso/libs/classname"
)

func TestOnlyAWholeNameOrTheLastPartOfOneStandsForAClass(t *testing.T) {
	classes := []string{"org.acme.JsonConverter", "org.acme.A$Key", "org.one.Twice", "org.two.Twice"}
	for name, want := range map[string]string{
		"org.acme.JsonConverter": "org.acme.JsonConverter", "JsonConverter": "org.acme.JsonConverter",
		"Json": "org.acme.JsonConverter", "org.two.Twice": "org.two.Twice",
		"com.other.JsonConverter": "", "acme.JsonConverter": "", "A$Key": "", "org.acme.A$Key": "org.acme.A$Key", "A": "",
		"Key": "", "Twice": "", "": "", "jsonconverter": "",
	} {
		if full, ok := classname.Find(name, "Converter", slices.Values(classes)); full != want || ok != (want != "") {
			t.Errorf("%s: %q %v, want %q", name, full, ok, want)
		}
	}
}
