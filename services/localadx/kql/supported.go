package kql

import (
	"sort"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
)

// Supported lists what this package compiles, in name order, for documentation and completion.
type Supported struct {
	Operators  []string
	Functions  []string
	Aggregates []string
	Plugins    []string
}

// SupportedNames returns the names of all operators, scalar functions, aggregates and plugins.
func SupportedNames() Supported {
	functions := map[string]bool{}
	for name := range builtinFunctions() {
		functions[name] = true
	}
	for name := range specialForms() {
		functions[name] = true
	}
	for _, name := range internalFunctions {
		delete(functions, name)
	}
	return Supported{
		Operators:  sortedNames(append(syntax.OperatorNames(), "find")), // which begins a query
		Functions:  sortedKeys(functions),
		Aggregates: sortedKeys(aggregates()),
		Plugins:    sortedKeys(plugins()),
	}
}

func sortedKeys[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	return sortedNames(names)
}

func sortedNames(names []string) []string {
	sort.Strings(names)
	return names
}
