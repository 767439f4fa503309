package secret

import (
	"maps"
	"testing"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

func TestOnlyLiteralSecretsAreMaskedAndAMaskMeansUnchanged(t *testing.T) {
	for value, want := range map[string]bool{
		"secret": false, "${file:/a:b}": true, "${file:/a:b}${env:C}": true, "x${file:/a:b}": false, "": false,
		"${other:x}": false, "$": false,
	} {
		if got := IsReference(value); got != want {
			t.Errorf("isReference(%q) = %t", value, got)
		}
	}
	earlier := map[string]string{"password": "old", "user": "u"}
	keys, err := catalogue.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	full, problems := Unmasked(keys, map[string]string{"password": mask, "user": mask, "token": mask}, earlier)
	if len(problems) != 1 || problems[0].Key != "token" ||
		!maps.Equal(full, map[string]string{"password": "old", "user": mask, "token": mask}) {
		t.Errorf("%v %v", full, problems)
	}
}
