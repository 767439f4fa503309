package kql

import (
	"github.com/calypso-cdc/calypso/services/localadx/kql/scalar"
	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
)

// bindCheckRegex refuses an invalid constant pattern.
func bindCheckRegex(b *binder, x syntax.Node, pattern string) {
	if err := validRegex(pattern); err != nil {
		b.fail(x, syntax.CodeArguments, "The regular expression is invalid: %v", err)
	}
}

// validRegex tells what is wrong with a pattern.
func validRegex(pattern string) error {
	_, err := scalar.ParsePattern(pattern)
	return err
}
