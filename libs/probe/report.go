package probe

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Markdown writes a report for reading and for attaching to an issue.
func (r *Report) Markdown() []byte {
	var b strings.Builder
	fmt.Fprintf(&b,
		"# Calypso's probe of %s\n\n%s, Calypso %s, begun %s: %d as expected, %d otherwise, %d could not be tried.\n",
		r.Service, inline(r.Target), inline(r.Version), r.Begun.UTC().Format(time.RFC3339), r.Count(AsExpected),
		r.Count(Otherwise), r.Count(Untried))
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "\n## %s: %s\n\n- Calypso expects: %s\n- Seen: %s\n- What follows: %s\n", f.Name, f.Verdict,
			f.Expected, inline(f.Seen), f.Follows)
	}
	if len(r.Left) > 0 {
		b.WriteString("\n## Left behind\n\n")
		for _, l := range r.Left {
			fmt.Fprintf(&b, "- %s\n", inline(l))
		}
	}
	return []byte(b.String())
}

// inline escapes characters in a service's words that Markdown would interpret.
func inline(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if len(fence) > 1 {
		text = " " + text + " "
	}
	return fence + text + fence
}

// JSON writes a report for programs.
func (r *Report) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the report as JSON: %w", err)
	}
	return append(text, '\n'), nil
}
