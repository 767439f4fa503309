// Package syntax reads the text of Kusto queries: a lexer, a parser by recursive descent and the tree that it makes.
//
// Guarantees. The tree has the position of each node in the text. A text that is not a query, or
// nests too deep, gives an *Error with the position and a hint; no text makes the parser panic, or
// take time that is not proportional to its length. Package kql resolves the meaning of names and
// the types of expressions.
package syntax
