// Package kql compiles queries of the Kusto query language to SQL of DuckDB.
//
// Package syntax makes a tree of a query's text. The typed binder (bind_*.go) resolves names
// against a Catalog, infers the type and the result name of every expression as Kusto does, and
// lowers operator by operator to a relation (relation.go), a SELECT under construction. Parts of
// the language that contain each other meet in rules.go; compile.go puts them together. The package
// does no I/O and does not use DuckDB; scalar functions that SQL cannot express are calls of Go
// functions of package scalar, which package engine registers.
//
// The guarantee: a query either means what it means in Kusto or is refused with an *Error. Known to
// differ: overflow of long in columns is an error where Kusto wraps around; dcount counts
// exactly where Kusto estimates; a datetime inside a dynamic is the string it is written as; which of
// several equal rows arg_max and take keep is not the same.
package kql
