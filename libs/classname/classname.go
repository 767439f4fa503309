// Package classname finds Java classes by the names that Kafka Connect takes for them.
package classname

import (
	"iter"
	"strings"
)

// Find returns the full name of the class that a name stands for: itself, its last part, or that
// without a suffix such as "Converter". Nothing else of a name counts: another package is another
// class. A short name of two classes stands for none, and a class within another (Cast$Key) has
// none.
func Find(name, suffix string, classes iter.Seq[string]) (full string, ok bool) {
	found := 0
	for class := range classes {
		if class == name {
			return class, true
		}
		simple := class[strings.LastIndexByte(class, '.')+1:]
		if name != "" && !strings.Contains(simple, "$") &&
			(name == simple || suffix != "" && name == strings.TrimSuffix(simple, suffix)) {
			full, found = class, found+1
		}
	}
	if found != 1 {
		return "", false
	}
	return full, true
}
