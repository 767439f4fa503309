package kql

import (
	"math/big"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// decimalScale is how many digits after the point a decimal is kept with.
const decimalScale = 10

// exactDecimal reports whether a number can be kept without rounding.
func exactDecimal(v *big.Rat) bool {
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(decimalScale), nil)
	return new(big.Int).Rem(scale, v.Denom()).Sign() == 0
}

// bindCheckDecimal refuses constants that would be rounded.
func bindCheckDecimal(b *binder, at syntax.Node, v any) {
	text, ok := v.(string)
	if !ok {
		return
	}
	if number, ok := new(big.Rat).SetString(text); ok && !exactDecimal(number) {
		b.failHint(at, syntax.CodeUnsupported, "use real",
			"A decimal with more than %d digits after the point is not supported", decimalScale)
	}
}

// bindCheckQuotient refuses a division of constants whose result Kusto gives with 34 digits and
// this engine would round.
func bindCheckQuotient(b *binder, l, r *expr) {
	rational := func(e *expr) *big.Rat {
		text, ok := e.konst.(string)
		if !e.isConst || e.typ != value.Decimal || !ok {
			return nil
		}
		v, _ := new(big.Rat).SetString(text)
		return v
	}
	x, y := rational(l), rational(r)
	if x != nil && y != nil && y.Sign() != 0 && !exactDecimal(x.Quo(x, y)) {
		b.failHint(l.at, syntax.CodeUnsupported, "use toreal()",
			"A quotient of decimals with more than %d digits after the point is not supported", decimalScale)
	}
}
