package config_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/config"
)

func TestASecretShowsItselfNowhere(t *testing.T) {
	const canary = "canary-5f2a"
	secret := config.Secret(canary)
	type settings struct{ Password config.Secret }
	encoded, err := json.Marshal(settings{secret})
	if err != nil {
		t.Fatal(err)
	}
	shown := string(encoded)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t"} {
		shown += fmt.Sprintf(verb, secret) + fmt.Sprintf(verb, settings{secret}) + fmt.Sprintf(verb, &settings{secret})
	}
	if strings.Contains(shown, canary) || strings.Contains(shown, fmt.Sprintf("%x", canary)) {
		t.Errorf("the secret shows in %s", shown)
	}
	if secret.Reveal() != canary || config.Secret("").String() != "" {
		t.Error("Reveal or the empty secret is wrong")
	}
}
