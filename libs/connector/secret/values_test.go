package secret

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

func TestTheLogOfATaskHidesItsSecrets(t *testing.T) {
	var log bytes.Buffer
	l := slog.New(handler{slog.NewJSONHandler(&log, nil), Values{"canary"}})
	l.With("at", "canary").WithGroup("g").Info("said canary", "err", errors.New("to canary"),
		slog.Group("in", "x", "canary"), "url", "http://u:other@h", "n", 5)
	if text := log.String(); strings.Contains(text, "canary") || strings.Contains(text, "other") ||
		strings.Count(text, "********") != 5 || !strings.Contains(text, `"n":5`) {
		t.Error(text)
	}
}

func TestAPasswordThatIsAlsoTheUsersNameIsNotToldByHidingTheName(t *testing.T) {
	keys, err := catalogue.New(nil, []catalogue.Key{{Name: "user", Type: catalogue.String, Doc: "User."},
		{Name: "password", Type: catalogue.Password, Doc: "Password."}})
	if err != nil {
		t.Fatal(err)
	}
	for _, password := range []string{"postgres", "canary"} {
		config := map[string]string{"user": "postgres", "password": password}
		const failure = `connect as user "postgres" to database "postgres" with canary, or postgres://postgres:postgres@h`
		got := Of(keys, config, config).Hide(failure)
		if !strings.Contains(got, `user "postgres" to database "postgres"`) || strings.Contains(got, ":postgres@") ||
			strings.Contains(got, "canary") != (password != "canary") {
			t.Errorf("with the password %s it says %s", password, got)
		}
	}
}
