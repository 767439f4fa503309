package secret

import (
	"maps"
	"regexp"
	"strings"
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

func TestASecretInTheNameOfAKeyIsMaskedAndAMaskedNameMeansTheEarlierOne(t *testing.T) {
	keys, err := catalogue.New(nil, []catalogue.Key{{Name: "hash.*", Type: catalogue.String, Doc: "Hashes.",
		Members: catalogue.Members{Secret: regexp.MustCompile(`^(.+)\.salt\.(.+)$`)}}})
	if err != nil {
		t.Fatal(err)
	}
	earlier := map[string]string{"hash.a.salt.canary1": "x", "hash.a.salt.canary2": "y", "hash.b.salt.hen": "z", "hash.c": "w"}
	shown := Masked(keys, earlier)
	want := map[string]string{"hash.a.salt.********": "x", "hash.a.salt.********-2": "y", "hash.b.salt.********": "z",
		"hash.c": "w"}
	if !maps.Equal(shown, want) {
		t.Errorf("it is shown as %v", shown)
	}
	shown["hash.a.salt.********-2"] = "changed"
	shown["hash.new.salt.********"] = "v"
	full, problems := Unmasked(keys, shown, earlier)
	if full["hash.a.salt.canary1"] != "x" || full["hash.a.salt.canary2"] != "changed" || len(problems) != 1 ||
		problems[0].Key != "hash.new.salt.********" {
		t.Errorf("%v %v", full, problems)
	}
	values := Of(keys, earlier, earlier, nil)
	for _, key := range []string{"hash.a.salt.canary1", "hash.b.salt.hen"} {
		problem := values.HideIn(keys, catalogue.Problem{Key: key, Message: key + " is wrong"}, earlier)
		if strings.Contains(problem.Key+problem.Message, "canary") || strings.Contains(problem.Key+problem.Message, "hen") ||
			shown[problem.Key] == "" {
			t.Errorf("a problem is shown as %v", problem)
		}
	}
}
