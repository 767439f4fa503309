// Package javaregex implements the regular expressions of java.util.regex, in which users of
// Debezium and Kafka Connect write lists of tables and columns, topics and routes. A pattern that
// is accepted means the same as in Java.
//
// Model. An expression is parsed to a tree, the tree is compiled to a program, and the program is
// run by backtracking with Java's preferences, so that groups hold what Java's hold. Without
// back-references a state (instruction and position) is visited at most once in the whole pattern
// and in each part that is matched separately, so the pattern and the length of the text bound the
// steps of a match: see cost. A pattern that could need too many steps for a name is refused, and
// so is a text that is too long for its pattern (Takes). A pattern with back-references, for which
// there is no such bound, is refused if its parts can match in too many ways.
//
// Accepted in addition: look-behind for repetitions without a greatest length, some forms of which
// Java refuses. Refused: (?c), \X, \b{g}, \N{name}, and patterns beyond the limits below.
// Characters have Go's Unicode properties; blocks are those of Java 17. Positions are characters,
// not UTF-16 units.
package javaregex
