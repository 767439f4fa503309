// Package orders holds the files of the orders use case, so that programs and tests use the very files that a reader
// copies from here: the two connector configurations, the SQL that makes the source table and the KQL that makes
// the target table and asks it the seven questions.
package orders

import (
	_ "embed"
	"strings"
)

var (
	// SourceConfig is the body of POST :9090/connectors, with placeholders in angle brackets.
	//go:embed pg-source-config.json
	SourceConfig string
	// SinkConfig is the body of POST :8080/connectors, with placeholders in angle brackets.
	//go:embed adx-sink-config.json
	SinkConfig string
	// SQL makes schema retail and table orders_info; it changes nothing that exists.
	//go:embed orders.sql
	SQL string
	// KQL makes table Orders, its mapping and its batching policy, and asks the seven questions, one statement a
	// paragraph.
	//go:embed orders.kql
	KQL string
)

// Setup returns the statements of KQL that make the table, its mapping and its policy, in order.
func Setup() []string { return statements(func(s string) bool { return strings.HasPrefix(s, ".") }) }

// Queries returns the seven questions of KQL, in order.
func Queries() []string { return statements(func(s string) bool { return !strings.HasPrefix(s, ".") }) }

// statements splits KQL at blank lines and drops comment lines, which start with //.
func statements(keep func(string) bool) []string {
	var all []string
	for paragraph := range strings.SplitSeq(KQL, "\n\n") {
		var lines []string
		for line := range strings.Lines(paragraph) {
			if !strings.HasPrefix(line, "//") {
				lines = append(lines, line)
			}
		}
		if s := strings.TrimSpace(strings.Join(lines, "")); s != "" && keep(s) {
			all = append(all, s)
		}
	}
	return all
}
