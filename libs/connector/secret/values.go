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

// longest bounds a text that is shown, such as the error of a failed task, in bytes.
const longest = 16 << 10

// searched bounds how much of a text is searched for secrets, in bytes: several times as much as is
// shown, since a mask is shorter than most secrets.
const searched = 4 * longest

// Values are texts that must not be shown, the longest first.
type Values []string

// Of finds the values of secret keys, secrets within values, and everything behind a reference: the
// value as a whole and each part on its own. Very short ones are left out, since replacing them
// would garble every text and hide nothing. So is a secret that the configuration also has where
// everybody sees it, such as the password postgres of the user postgres: hiding it in every text
// would reveal that it is the password.
func Of(keys *catalogue.Catalogue, given, resolved map[string]string, behind []string) Values {
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
	for key := range given {
		if secret := keys.SecretInName(key); len(secret) >= shortest && !shown[secret] {
			secrets = append(secrets, secret)
		}
	}
	for _, secret := range behind {
		if len(secret) >= shortest && !shown[secret] {
			secrets = append(secrets, secret)
		}
	}
	for _, secret := range slices.Clone(secrets) {
		secrets = append(secrets, quoted(secret)...)
	}
	// The longer ones first: a secret may be a part of another.
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	return secrets
}

// quoted returns the other forms that a text can take within an error: as Go and JSON quote it, and
// as URLs escape it.
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

// Hide removes the secrets from a text, and whatever looks like one. A text that is much longer
// than what is shown, such as a page that a server returned, is cut before it is searched.
func (s Values) Hide(text string) string {
	cut := len(text) > searched
	if cut {
		text = text[:searched]
	}
	end := longest
	for _, secret := range s {
		text = strings.ReplaceAll(text, secret, mask)
	}
	text = catalogue.MaskWithin(text)
	if cut && len(s) > 0 { // it may end with the first part of a secret
		end = min(end, max(0, len(text)-len(s[0])))
	}
	if cut || len(text) > longest {
		text = text[:min(end, len(text))] + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// HideIn removes the secrets from a problem and its key. A key of the configuration is replaced by
// the name under which it is shown.
func (s Values) HideIn(keys *catalogue.Catalogue, problem catalogue.Problem,
	config map[string]string) catalogue.Problem {
	key := s.Hide(problem.Key)
	if _, given := config[problem.Key]; given {
		key = ShownNames(keys, config)[problem.Key]
	}
	message := problem.Message
	if key != problem.Key { // this also hides a secret in the name that is too short to be in s
		message = strings.ReplaceAll(message, problem.Key, key)
	}
	problem.Key, problem.Message = key, s.Hide(message)
	return problem
}
