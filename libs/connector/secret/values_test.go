package secret

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/url"
	"strconv"
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
		got := Of(keys, config, config, nil).Hide(failure)
		if !strings.Contains(got, `user "postgres" to database "postgres"`) || strings.Contains(got, ":postgres@") ||
			strings.Contains(got, "canary") != (password != "canary") {
			t.Errorf("with the password %s it says %s", password, got)
		}
	}
}

func TestASecretIsHiddenAsErrorsQuoteAndEscapeItToo(t *testing.T) {
	keys, err := catalogue.New(nil, []catalogue.Key{{Name: "database.password", Type: catalogue.Password, Doc: "Password."}})
	if err != nil {
		t.Fatal(err)
	}
	for _, password := range []string{`pa"ss\word`, "pässwörd\tx", "p@ss w%rd/1", "a<b>&c'd"} {
		config := map[string]string{"name": "c", "database.password": password}
		values := Of(keys, config, config, nil)
		asJSON, _ := json.Marshal(password)
		for _, text := range []string{password, strconv.Quote(password), strconv.QuoteToASCII(password), string(asJSON),
			url.QueryEscape(password), url.PathEscape(password), url.UserPassword("u", password).String()} {
			hidden := values.Hide("the server says " + text + ".")
			if !strings.Contains(hidden, catalogue.Mask) || strings.Contains(hidden, strings.Trim(text, `"`)) {
				t.Errorf("%q in the form %s is shown: %s", password, text, hidden)
			}
		}
	}
}

func TestASecretBehindAReferenceIsHiddenWhereOnlyAPartOfItsValueIsShown(t *testing.T) {
	keys, err := catalogue.New(nil, []catalogue.Key{{Name: "statements", Type: catalogue.String, Doc: "Statements."}})
	if err != nil {
		t.Fatal(err)
	}
	references := References{Env: "[AB]", LookupEnv: func(name string) (string, bool) {
		return map[string]string{"A": "canary", "B": "wren;x"}[name], true
	}}
	given := map[string]string{"name": "c", "statements": "SELECT a('${env:A}'); SELECT b('${env:A}${env:B}')"}
	resolved, behind, faults := references.Resolve(given)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	values := Of(keys, given, resolved, behind)
	for _, shown := range []string{`run "SELECT a('canary')"`, "SELECT b('canarywren", "line 1: wren;x"} {
		if got := values.Hide(shown); strings.Contains(got, "canary") || strings.Contains(got, "wren;x") {
			t.Errorf("%s is shown as %s", shown, got)
		}
	}
}

// Looking through all of it would take minutes.
func TestALongTextFromAServerIsCutBeforeItIsSearched(t *testing.T) {
	values := Values{"canary"}
	for _, text := range []string{strings.Repeat("password=x ", 1<<20), strings.Repeat("x", searched-3) + "canary" + strings.Repeat("y", searched),
		strings.Repeat("canary", 1<<20), strings.Repeat("[", 5<<20)} {
		got := values.Hide(text)
		if len(got) > longest+len("…") || strings.Contains(got, "can") || !strings.HasSuffix(got, "…") {
			t.Errorf("%d bytes are left, which end with %q", len(got), got[len(got)-30:])
		}
	}
}
