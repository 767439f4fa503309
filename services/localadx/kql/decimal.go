package kql

import (
	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// decimalOperators are the Go functions that compute with decimals.
var decimalOperators = map[string]string{"+": "decimal_add", "-": "decimal_subtract", "*": "decimal_multiply",
	"/": "decimal_divide", "%": "decimal_modulo"}

// bindCheckDecimal refuses constants that would be rounded.
func bindCheckDecimal(b *binder, at syntax.Node, v any) {
	text, ok := v.(string)
	if !ok {
		return
	}
	if _, ok := value.ParseDecimal(text); !ok {
		b.failHint(at, syntax.CodeUnsupported, "use real",
			"A decimal of more than %d digits, or beyond 10^6144, is not supported", value.DecimalDigits)
	}
}
