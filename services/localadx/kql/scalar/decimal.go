package scalar

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// sumDigits is how many digits behind the point the database sums by itself, as whole numbers.
const sumDigits = 8

// decimalFunctions compute with decimals in their stored form; see value.Decimal128.
func decimalFunctions() []Function {
	binary := func(name string, compute func(x, y value.Decimal128) (value.Decimal128, bool)) Function {
		return define(name+"(decimal, decimal) decimal", func(a []any) any {
			return storedOrNil(compute(decimalOf(a[0]), decimalOf(a[1])))
		})
	}
	return []Function{
		binary("decimal_add", func(x, y value.Decimal128) (value.Decimal128, bool) { return x.Add(y), true }),
		binary("decimal_subtract", func(x, y value.Decimal128) (value.Decimal128, bool) { return x.Add(y.Neg()), true }),
		binary("decimal_multiply", func(x, y value.Decimal128) (value.Decimal128, bool) { return x.Mul(y), true }),
		binary("decimal_divide", value.Decimal128.Quo),
		binary("decimal_modulo", func(x, y value.Decimal128) (value.Decimal128, bool) {
			if y.Sign() < 0 {
				y = y.Neg()
			}
			_, rest, ok := x.Floor(y)
			return rest, ok
		}),
		binary("decimal_bin", func(x, y value.Decimal128) (value.Decimal128, bool) {
			multiple, _, ok := x.Floor(y)
			return multiple, ok
		}),
		define("decimal_negate(decimal) decimal", func(a []any) any { return decimalOf(a[0]).Neg().Stored() }),
		define("abs(decimal) decimal@", func(a []any) any {
			if x := decimalOf(a[0]); x.Sign() < 0 {
				return x.Neg().Stored()
			}
			return a[0]
		}),
		define("to_decimal(text) decimal", func(a []any) any {
			return storedOrNil(value.ParseDecimal(strings.TrimSpace(a[0].(string))))
		}),
		define("long_to_decimal(long) decimal", func(a []any) any { return value.DecimalOf(a[0].(int64)).Stored() }),
		define("real_to_decimal(real) decimal", func(a []any) any { return storedOrNil(RealDecimal(a[0].(float64))) }),
		define("decimal_text(decimal) string", func(a []any) any { return value.DecimalText(a[0].(string)) }),
		define("decimal_json(decimal) dynamic", func(a []any) any { return value.DecimalText(a[0].(string)) }),
		define("decimal_to_real(decimal) real", func(a []any) any { return decimalOf(a[0]).Float64() }),
		define("decimal_to_long(decimal) long", func(a []any) any {
			if n, ok := decimalOf(a[0]).Int64(); ok {
				return n
			}
			return nil
		}),
		define("decimal_units(decimal) long", func(a []any) any {
			if units, ok := decimalOf(a[0]).Units(sumDigits); ok {
				return units
			}
			return nil
		}),
		define("decimal_units_only(decimal) long", func(a []any) any {
			if units, ok := decimalOf(a[0]).Units(sumDigits); ok {
				return units
			}
			return fmt.Errorf(
				"a running sum of decimals of more than %d digits behind the point is not supported: use toreal()", sumDigits)
		}),
		{Signature: ParseSignature("decimal_sum(text, elements) decimal"), Nulls: true, Long: decimalSum},
	}
}

// decimalSum adds the sum of whole units, as text, and what is no whole number of them.
func decimalSum(ended func() bool, a []any) any {
	units := new(big.Int)
	if text, ok := a[0].(string); ok && text != "" {
		units.SetString(text, 10)
	}
	sum := value.DecimalOfUnits(units, sumDigits)
	rest, _ := a[1].([]any)
	for i, v := range rest {
		if i%checkEvery == 0 && ended() {
			return nil
		}
		stored, _ := v.(string)
		sum = value.StoredDecimal(sum.Add(value.StoredDecimal(stored)).Stored())
	}
	return storedOrNil(sum, true)
}

// RealDecimal is the decimal of the shortest text that reads as the real.
func RealDecimal(v float64) (value.Decimal128, bool) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return value.Decimal128{}, false
	}
	return value.ParseDecimal(strconv.FormatFloat(v, 'e', -1, 64))
}

func decimalOf(stored any) value.Decimal128 { return value.StoredDecimal(stored.(string)) }

// storedOrNil is a decimal's stored form, or null.
func storedOrNil(d value.Decimal128, ok bool) any {
	if !ok {
		return nil
	}
	if stored := d.Stored(); stored != "" {
		return stored
	}
	return nil
}
