package ingest

import (
	"fmt"
	"strconv"
	"strings"
)

// Path leads from a record to a value within it. The path without steps is the record itself.
type Path struct {
	Steps []Step
}

// Step goes to a member of an object (Key) or, when IsIndex is set, to an element of an array.
type Step struct {
	Key     string
	Index   int
	IsIndex bool
}

// ParsePath reads a JSON path of the kind mappings have: $, $.a.b, $['a b'], $["a"], $.a[0]. Wildcards, slices,
// filters and recursive descent are refused: ADX does not have them in mappings either.
func ParsePath(text string) (Path, error) {
	rest, ok := strings.CutPrefix(text, "$")
	if !ok {
		// The older form names a field without the root.
		if text == "" || strings.ContainsAny(text, "[]*") {
			return Path{}, fmt.Errorf("the path '%s' does not start with $", text)
		}
		rest = "." + text
	}
	var path Path
	for rest != "" {
		var step Step
		var err error
		switch {
		case strings.HasPrefix(rest, "['"), strings.HasPrefix(rest, `["`):
			step.Key, rest, err = quotedStep(rest)
		case rest[0] == '[':
			step.IsIndex = true
			step.Index, rest, err = indexStep(rest)
		case rest[0] == '.':
			end := strings.IndexAny(rest[1:], ".[")
			if end < 0 {
				end = len(rest) - 1
			}
			step.Key, rest = rest[1:1+end], rest[1+end:]
			if step.Key == "" || strings.Contains(step.Key, "*") {
				err = fmt.Errorf("'..' and '*' are not supported")
			}
		default:
			err = fmt.Errorf("unexpected '%s'", rest)
		}
		if err != nil {
			return Path{}, fmt.Errorf("the path '%s' is wrong: %w", text, err)
		}
		path.Steps = append(path.Steps, step)
	}
	return path, nil
}

// quotedStep reads ['key'], in which a backslash makes the next character plain.
func quotedStep(text string) (key, rest string, err error) {
	quote := text[1]
	var b strings.Builder
	for i := 2; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case text[i] == quote:
			if !strings.HasPrefix(text[i+1:], "]") {
				return "", "", fmt.Errorf("']' is missing after the name")
			}
			return b.String(), text[i+2:], nil
		default:
			b.WriteByte(text[i])
		}
	}
	return "", "", fmt.Errorf("the name has no end")
}

func indexStep(text string) (index int, rest string, err error) {
	inner, rest, ok := strings.Cut(text[1:], "]")
	if !ok {
		return 0, "", fmt.Errorf("']' is missing")
	}
	index, err = strconv.Atoi(inner)
	if err != nil || index < 0 {
		return 0, "", fmt.Errorf("the index '%s' is not a number from 0", inner)
	}
	return index, rest, nil
}
