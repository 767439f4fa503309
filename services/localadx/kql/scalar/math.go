package scalar

import (
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// maths are the special functions and number formats.
func maths() []Function {
	return []Function{
		define("gamma(real) real@", func(a []any) any { return math.Gamma(a[0].(float64)) }),
		define("loggamma(real) real@", func(a []any) any { v, _ := math.Lgamma(a[0].(float64)); return v }),
		define("erf(real) real@", func(a []any) any { return math.Erf(a[0].(float64)) }),
		define("erfc(real) real@", func(a []any) any { return math.Erfc(a[0].(float64)) }),
		define("beta_cdf(real, real, real) real", betaCDF),
		define("beta_inv(real, real, real) real", betaInverse),
		define("beta_pdf(real, real, real) real", betaPDF),
		define("welch_test(real, real, long, real, real, long) real", welchTest),
		define("binary_shift_left(long, long) long", func(a []any) any { return shiftBits(a, true) }),
		define("binary_shift_right(long, long) long", func(a []any) any { return shiftBits(a, false) }),
		define("tohex(long, long, long) string", toHex),
		define("format_bytes(real, long?, string?) string@", formatBytes),
		define("convert_angle(real, string, string) real", convertBy(angleUnits)),
		define("convert_energy(real, string, string) real", convertBy(energyUnits)),
		define("convert_force(real, string, string) real", convertBy(forceUnits)),
		define("convert_length(real, string, string) real", convertBy(lengthUnits)),
		define("convert_mass(real, string, string) real", convertBy(massUnits)),
		define("convert_speed(real, string, string) real", convertBy(speedUnits)),
		define("convert_temperature(real, string, string) real", convertTemperature),
		define("convert_volume(real, string, string) real", convertBy(volumeUnits)),
	}
}

func shiftBits(a []any, left bool) any {
	v, n := a[0].(int64), a[1].(int64)
	if n < 0 {
		return nil
	}
	n %= bits.UintSize
	if left {
		return v << uint(n)
	}
	return v >> uint(n)
}

func toHex(a []any) any {
	n := uint64(a[0].(int64))
	if a[1].(int64) == 32 {
		n = uint64(uint32(n))
	}
	text := strconv.FormatUint(n, 16)
	if width := int(a[2].(int64)); width > len(text) && width <= 16 {
		text = strings.Repeat("0", width-len(text)) + text
	}
	return text
}

// byteUnits are the units of format_bytes, each 1024 of the one before.
var byteUnits = []string{"Bytes", "KB", "MB", "GB", "TB", "PB", "EB"}

// maxPrecision bounds the digits behind the point; a real has no more.
const maxPrecision = 17

func formatBytes(a []any) any {
	size, precision := a[0].(float64), 0
	if len(a) > 1 {
		precision = int(min(max(a[1].(int64), 0), maxPrecision))
	}
	unit := 0
	if len(a) > 2 {
		wanted := a[2].(string)
		found := false
		for i, u := range byteUnits {
			if strings.EqualFold(u, wanted) {
				unit, found = i, true
			}
		}
		if !found {
			return ""
		}
		size /= math.Pow(1024, float64(unit))
	} else {
		for math.Abs(size) >= 1024 && unit < len(byteUnits)-1 {
			size /= 1024
			unit++
		}
	}
	text := strconv.FormatFloat(size, 'f', precision, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text + " " + byteUnits[unit]
}

// regularizedBeta is I_x(a, b), by Lentz's continued fraction.
func regularizedBeta(x, a, b float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab - la - lb + a*math.Log(x) + b*math.Log(1-x))
	if x > (a+1)/(a+b+2) {
		return 1 - front*betaFraction(1-x, b, a)/b
	}
	return front * betaFraction(x, a, b) / a
}

func betaFraction(x, a, b float64) float64 {
	const tiny = 1e-300
	c, d := 1.0, 1-(a+b)*x/(a+1)
	if math.Abs(d) < tiny {
		d = tiny
	}
	d = 1 / d
	h := d
	for m := 1.0; m <= 500; m++ {
		for _, num := range []float64{m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m)),
			-(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))} {
			d = 1 + num*d
			if math.Abs(d) < tiny {
				d = tiny
			}
			c = 1 + num/c
			if math.Abs(c) < tiny {
				c = tiny
			}
			d = 1 / d
			h *= d * c
		}
		if math.Abs(d*c-1) < 1e-16 {
			break
		}
	}
	return h
}

func betaCDF(args []any) any {
	x, a, b := args[0].(float64), args[1].(float64), args[2].(float64)
	if x < 0 || x > 1 {
		return math.NaN()
	}
	if a <= 0 || b <= 0 {
		return 1.0
	}
	return regularizedBeta(x, a, b)
}

// betaInverse finds the quantile by bisection.
func betaInverse(args []any) any {
	p, a, b := args[0].(float64), args[1].(float64), args[2].(float64)
	if p < 0 || p > 1 {
		return nil
	}
	if a <= 0 || b <= 0 {
		return math.NaN()
	}
	low, high := 0.0, 1.0
	for range 200 {
		mid := (low + high) / 2
		if regularizedBeta(mid, a, b) < p {
			low = mid
		} else {
			high = mid
		}
	}
	return (low + high) / 2
}

func betaPDF(args []any) any {
	x, a, b := args[0].(float64), args[1].(float64), args[2].(float64)
	if x < 0 || x > 1 || a <= 0 || b <= 0 {
		return math.NaN()
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	return math.Exp(lab - la - lb + (a-1)*math.Log(x) + (b-1)*math.Log(1-x))
}

// welchTest is the p-value of Welch's t-test from means, variances and counts.
func welchTest(a []any) any {
	m1, v1, n1 := a[0].(float64), a[1].(float64), float64(a[2].(int64))
	m2, v2, n2 := a[3].(float64), a[4].(float64), float64(a[5].(int64))
	s1, s2 := v1/n1, v2/n2
	t := (m1 - m2) / math.Sqrt(s1+s2)
	df := (s1 + s2) * (s1 + s2) / (s1*s1/(n1-1) + s2*s2/(n2-1))
	return regularizedBeta(df/(df+t*t), df/2, 0.5)
}

// convertBy converts between units given as multiples of a base unit.
func convertBy(units func() map[string]float64) func(a []any) any {
	table := units()
	return func(a []any) any {
		from, ok := table[a[1].(string)]
		to, ok2 := table[a[2].(string)]
		if !ok || !ok2 {
			return nil
		}
		return a[0].(float64) * from / to
	}
}

// metric adds the prefixed forms of a unit: name is in lower case behind a prefix.
func metric(units map[string]float64, base string, factor float64, power float64) {
	units[base] = factor
	prefixes := map[string]float64{"Femto": 1e-15, "Pico": 1e-12, "Nano": 1e-9, "Micro": 1e-6, "Milli": 1e-3,
		"Centi": 1e-2, "Deci": 1e-1, "Deca": 10,
		"Hecto": 1e2, "Kilo": 1e3, "Mega": 1e6, "Giga": 1e9, "Tera": 1e12}
	for prefix, f := range prefixes {
		units[prefix+strings.ToLower(base[:1])+base[1:]] = factor * math.Pow(f, power)
	}
}

func angleUnits() map[string]float64 {
	u := map[string]float64{"Degree": 1, "Arcminute": 1.0 / 60, "Arcsecond": 1.0 / 3600, "Gradian": 0.9,
		"NatoMil": 360.0 / 6400, "Revolution": 360, "Tilt": 360}
	metric(u, "Radian", 180/math.Pi, 1)
	return u
}

func energyUnits() map[string]float64 {
	u := map[string]float64{"BritishThermalUnit": 1055.05585262, "Calorie": 4.184, "Kilocalorie": 4184,
		"Megacalorie": 4184000, "ElectronVolt": 1.602176565e-19,
		"Erg": 1e-7, "FootPound": 1.3558179483314004, "HorsepowerHour": 2684519.5376961729, "ThermEc": 105505585.262,
		"ThermImperial": 105505585.262, "ThermUs": 105480400}
	metric(u, "Joule", 1, 1)
	metric(u, "WattHour", 3600, 1)
	for _, p := range []struct {
		name string
		f    float64
	}{{"KilowattHour", 3.6e6}, {"MegawattHour", 3.6e9}, {"GigawattHour", 3.6e12}, {"TerawattHour", 3.6e15},
		{"KilobritishThermalUnit", 1055055.85262}, {"MegabritishThermalUnit", 1055055852.62}} {
		u[p.name] = p.f
	}
	return u
}

func forceUnits() map[string]float64 {
	u := map[string]float64{"Dyn": 1e-5, "KilogramForce": 9.80665, "KiloPond": 9.80665, "KilopoundForce": 4448.2216152605,
		"OunceForce": 0.27801385095378125,
		"Poundal":    0.138254954376, "PoundForce": 4.4482216152605, "ShortTonForce": 8896.443230521, "TonneForce": 9806.65}
	metric(u, "Newton", 1, 1)
	return u
}

func lengthUnits() map[string]float64 {
	u := map[string]float64{"Angstrom": 1e-10, "AstronomicalUnit": 1.4959787070e11, "Chain": 20.1168, "Fathom": 1.8288,
		"Foot": 0.3048, "Hand": 0.1016,
		"Inch": 0.0254, "LightYear": 9.46073047258e15, "Microinch": 2.54e-8, "Mil": 2.54e-5, "Mile": 1609.344,
		"NauticalMile": 1852, "Parsec": 3.08567758128e16,
		"Shackle": 27.432, "Twip": 1.7639e-5, "UsSurveyFoot": 1200.0 / 3937, "Yard": 0.9144}
	metric(u, "Meter", 1, 1)
	return u
}

func massUnits() map[string]float64 {
	u := map[string]float64{"EarthMass": 5.9722e27, "Grain": 0.06479891, "LongHundredweight": 50802.34544,
		"LongTon": 1016046.9088, "Ounce": 28.349523125,
		"Pound": 453.59237, "Kilopound": 453592.37, "Megapound": 453592370, "ShortHundredweight": 45359.237,
		"ShortTon": 907184.74, "Slug": 14593.903, "SolarMass": 1.98947e33,
		"Stone": 6350.29318, "Tonne": 1e6, "Kilotonne": 1e9, "Megatonne": 1e12}
	metric(u, "Gram", 1, 1)
	return u
}

func speedUnits() map[string]float64 {
	u := map[string]float64{"Knot": 1852.0 / 3600, "Mach": 340.29}
	lengths := map[string]float64{"Foot": 0.3048, "Inch": 0.0254, "Mile": 1609.344, "Yard": 0.9144,
		"UsSurveyFoot": 1200.0 / 3937}
	metric(lengths, "Meter", 1, 1)
	for name, f := range lengths {
		u[name+"PerSecond"] = f
		u[name+"PerMinute"] = f / 60
		u[name+"PerHour"] = f / 3600
	}
	return u
}

func volumeUnits() map[string]float64 {
	u := map[string]float64{"AcreFoot": 1 / 0.000810714, "BoardFoot": 0.00235973722, "CubicFoot": 0.028316846592,
		"CubicInch": 1.6387064e-5, "CubicMile": 4168181825.440579584,
		"CubicYard": 0.764554857984, "ImperialBeerBarrel": 0.16365924, "ImperialGallon": 0.00454609,
		"ImperialOunce": 2.84130625e-5, "ImperialPint": 0.00056826125,
		"UsGallon": 0.003785411784, "UsLegalCup": 0.00024, "UsOunce": 2.95735295625e-5, "UsPint": 0.000473176473,
		"UsQuart":      0.000946352946,
		"UsTablespoon": 1.478676478125e-5, "UsTeaspoon": 4.92892159375e-6, "OilBarrel": 0.158987294928, "MetricCup": 0.00025,
		"MetricTeaspoon": 5e-6}
	cubic := map[string]float64{}
	metric(cubic, "Meter", 1, 3)
	for name, f := range cubic {
		u["Cubic"+strings.ToLower(name[:1])+name[1:]] = f
		u["Cubic"+name] = f
	}
	metric(u, "Liter", 0.001, 1)
	return u
}

func convertTemperature(a []any) any {
	// offset and factor to kelvin: K = (v + offset) * factor
	scales := map[string][2]float64{"Kelvin": {0, 1}, "DegreeCelsius": {273.15, 1}, "DegreeFahrenheit": {459.67, 5.0 / 9},
		"DegreeRankine": {0, 5.0 / 9},
		"DegreeDelisle": {-559.725, -2.0 / 3}, "DegreeNewton": {273.15 * 33 / 100, 100.0 / 33},
		"DegreeReaumur": {273.15 * 4 / 5, 5.0 / 4},
		"DegreeRoemer":  {273.15*21/40 - 7.5, 40.0 / 21}, "SolarTemperature": {0, 5778}}
	from, ok := scales[a[1].(string)]
	to, ok2 := scales[a[2].(string)]
	if !ok || !ok2 {
		return nil
	}
	return (a[0].(float64)+from[0])*from[1]/to[1] - to[0]
}
