// Package javaregex is the regular expressions of java.util.regex, in which the users of Debezium
// and Kafka Connect write their lists of tables and columns, their topics and their routes. A
// pattern that is accepted means here what it means there.
//
// Model. An expression is parsed to a tree, the tree is compiled to a program, and the program is
// run by backtracking with Java's preferences, so that groups hold what Java's hold. Without
// back-references a state (instruction and position) is visited at most once within the whole and
// within each part that is matched for itself, so that the steps of a match are bounded by the
// pattern and the length of the text: see cost. A pattern that could need too many for a name is
// refused, and so is a text that is too long for its pattern (Takes). A pattern with
// back-references, for which there is no such bound, is refused if its parts can match in too many
// ways.
//
// Taken besides: looking behind for repetitions without a greatest length, which Java refuses in some
// forms. Not taken: (?c), \X, \b{g}, \N{name}, and patterns that are larger than the limits below.
// Characters are those of Unicode as Go knows them, blocks those of Java 17.
// Positions are characters, not UTF-16 units.
package javaregex
