package spec

import (
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/javaregex"
)

// word is the value of a key that allows certain words, which the catalogue takes in any case.
func word(v catalogue.Values, key string) string { return strings.ToLower(v.String(key)) }

// parsePatterns reads the list of a key; see javaregex.ParseList.
func parsePatterns(key, list string) (javaregex.List, error) {
	l, err := javaregex.ParseList(list)
	if err != nil {
		return nil, catalogue.Problemf(key, "%s: %w", key, err)
	}
	return l, nil
}
