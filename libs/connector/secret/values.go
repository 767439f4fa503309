package secret

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// longest bounds the error text of a failed task in bytes.
const longest = 16 << 10

// Values are texts that must not be shown.
type Values []string

// Of finds the values of secret keys, secrets within values, and everything behind a reference. Very short ones are
// left out: replacing them would garble every text and hide nothing. So is one that the configuration also has where
// everybody sees it, as the password postgres of the user postgres: to hide it in every text would tell that it is
// the password.
func Of(keys *catalogue.Catalogue, given, resolved map[string]string) Values {
	const shortest = 4
	shown := map[string]bool{given["name"]: true}
	for key, value := range given {
		if !keys.Secret(key) && resolved[key] == value {
			shown[value] = true
		}
	}
	var secrets Values
	for key, value := range resolved {
		referred := given[key] != value && key != "name"
		if (referred || keys.Secret(key)) && len(value) >= shortest && !shown[value] {
			secrets = append(secrets, value)
		}
		for _, secret := range catalogue.SecretsWithin(value) {
			if len(secret) >= shortest {
				secrets = append(secrets, secret)
			}
		}
	}
	for _, secret := range slices.Clone(secrets) {
		secrets = append(secrets, quoted(secret)...)
	}
	// The longer ones first: a secret may be a part of another.
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	return secrets
}

// quoted are the other forms that a text can have within an error: as Go and JSON quote it, and as URLs escape it.
func quoted(text string) (forms []string) {
	var escaped bytes.Buffer
	_ = json.NewEncoder(&escaped).Encode(text) // a string has a JSON form
	for _, form := range []string{strconv.Quote(text), strconv.QuoteToASCII(text), strings.TrimSpace(escaped.String()),
		url.QueryEscape(text), url.PathEscape(text), strings.TrimPrefix(url.UserPassword("", text).String(), ":")} {
		if form = strings.TrimSuffix(strings.TrimPrefix(form, `"`), `"`); form != text {
			forms = append(forms, form)
		}
	}
	return forms
}

// Hide takes the secrets out of a text, and what looks like one in it.
func (s Values) Hide(text string) string {
	for _, secret := range s {
		text = strings.ReplaceAll(text, secret, mask)
	}
	text = catalogue.MaskWithin(text)
	if len(text) > longest {
		text = text[:longest] + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// HideIn is a problem with its secrets taken out, also out of its key where that is not one of the configuration's own.
func (s Values) HideIn(problem catalogue.Problem, config map[string]string) catalogue.Problem {
	key := problem.Key
	if _, given := config[key]; !given {
		key = s.Hide(key)
	}
	problem.Key, problem.Message = key, s.Hide(problem.Message)
	return problem
}
