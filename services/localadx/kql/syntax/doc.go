// Package syntax reads the text of Kusto queries: a lexer, a parser by recursive descent and the tree that it makes.
//
// Guarantees. The tree says for each node where it stands in the text. A text that is no query, or
// nests too deep, gives an *Error with the place and a hint; no text makes the parser panic or take
// time that is not proportional to its length. What names mean, and which types expressions have,
// is for package kql.
package syntax
