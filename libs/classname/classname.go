// Package classname finds Java classes by the names that Kafka Connect accepts for them.
package classname

import (
	"iter"
	"strings"
)

// Find returns the full name of the class that name stands for: name may be the full name, its last
// part, or that without a suffix such as "Converter". The right last part in another package does
// not count. A short name that two classes share stands for neither, and a nested class (Cast$Key)
// has no short name.
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
