package syntax

import "fmt"

// Error is a query that cannot be run, in Kusto's manner: a code such as SYN0002 (syntax) or SEM0100 (semantic), a
// message, and the place.
type Error struct {
	Code    string // SYN0xxx or SEM0xxx
	Message string
	Line    int // 1-based; 0 if the error has no place
	Column  int // 1-based, in characters
	Hint    string
	// Permanent is always true for errors of this package: the same query fails again.
	Permanent bool
}

// Semantic codes this package uses.
const (
	CodeSyntax      = "SYN0002" // a token that does not belong
	CodeSemantic    = "SEM0100" // an expression that does not resolve
	CodeUnknownName = "SEM0100"
	CodeUnsupported = "SEM0001" // known to Kusto, not to this server
	CodeArguments   = "SEM0219" // wrong number or types of arguments
)

// Error returns the message with code and place, as Kusto's HTTP answers write it.
func (e *Error) Error() string {
	kind := "Semantic error"
	if len(e.Code) > 3 && e.Code[:3] == "SYN" {
		kind = "Syntax error"
	}
	text := fmt.Sprintf("%s: %s: %s", kind, e.Code, e.Message)
	if e.Line > 0 {
		text = fmt.Sprintf("%s: [line:position=%d:%d]. %s: %s", kind, e.Line, e.Column-1, e.Code, e.Message)
	}
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}
