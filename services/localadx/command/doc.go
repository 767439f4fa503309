// Package command runs management commands: those that start with a dot, such as `.create table T (a:string)`.
//
// Model. Each command is a definition: a pattern that says how it is written, and a function that runs it. The patterns
// are data: the parser, the errors' hints, the completion and the reference page all follow from them.
//
// A pattern is a sequence of words, of alternatives {name:a|b}, of optional parts [ … ] and of
// arguments <name> or <name:kind>. Kinds: name (the default), column (T.c), string, value (a word,
// number or string), schema (a:type, …), list ((A, B)), props ((k=v, …)), assignments (k = v k =
// v), params ((…), raw), body ({…}, raw), rest (all that follows, raw).
package command
