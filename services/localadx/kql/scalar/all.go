package scalar

// Functions returns all functions of the package. The slice is the caller's.
func Functions() []Function {
	var all []Function
	overloads := map[string]int{}
	for _, group := range [][]Function{conversions(), decimalFunctions(), texts(), regexes(), dynamics(), arrays(),
		times(), maths(), encodings(), hashes(), hlls(), tdigests(), networks(), series(), geospatial()} {
		for _, f := range group {
			name := SQLName(f.Name, f.Result)
			f.overload = overloads[name]
			overloads[name]++
			all = append(all, f)
		}
	}
	return all
}
