package catalogue

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Target is the variable that a key's value fills, and how the text is read: a key is declared and read in one place.
// Fill fills them all.
type Target struct {
	// fill reads a value, which may be the default, into the variable.
	fill func(value string) error
	// fillGiven, if it is set, gets whether the configuration sets the key.
	fillGiven func(given bool)
	// fillFamily reads the members of a family, by their names after its prefix.
	fillFamily func(members map[string]string) error
	// words are the only values that are accepted; any if empty.
	words []string
	// into is the variable.
	into any
	// elsewhere is true if there is no variable.
	elsewhere bool
	// types are those that the key may be declared as; any if empty.
	types []Type
}

// Text is a target that stores the value as it is.
func Text[T ~string](into *T) Target {
	return Target{into: into, fill: func(value string) error { *into = T(value); return nil }}
}

// Flag is a target for BOOLEAN.
func Flag(into *bool) Target {
	return Target{into: into, types: []Type{Boolean}, fill: func(value string) error {
		*into = strings.EqualFold(strings.TrimSpace(value), "true")
		return nil
	}}
}

// Unless is a target for BOOLEAN whose variable is true if the value is false.
func Unless(into *bool) Target {
	return Target{into: into, types: []Type{Boolean}, fill: func(value string) error {
		*into = strings.EqualFold(strings.TrimSpace(value), "false")
		return nil
	}}
}

// Number is a target for INT and LONG. What the variable cannot hold is an error.
func Number[T ~int | ~int16 | ~int32 | ~int64 | ~uint16](into *T) Target {
	return Target{into: into, types: []Type{Int, Long}, fill: func(value string) error {
		n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		if err != nil || int64(T(n)) != n {
			return fmt.Errorf("%q is not a number that fits", abbreviate(value))
		}
		*into = T(n)
		return nil
	}}
}

// Milliseconds is a target for INT and LONG that counts milliseconds, as all of Kafka Connect's ….ms keys do.
func Milliseconds(into *time.Duration) Target {
	var n int64
	number := Number(&n)
	return Target{into: into, types: number.types, fill: func(value string) error {
		err := number.fill(value)
		*into = time.Duration(n) * time.Millisecond
		return err
	}}
}

// Strings is a target that stores the items of a list separated by commas, without spaces around
// them and without empty ones.
func Strings(into *[]string) Target {
	return Target{into: into, fill: func(value string) error { *into = Named(value); return nil }}
}

// Read is a target that stores what parse returns. If parse returns a Problem, that names its key;
// any other error is about this key.
func Read[T any](into *T, parse func(value string) (T, error)) Target {
	return Target{into: into, fill: func(value string) error {
		read, err := parse(value)
		if err == nil {
			*into = read
		}
		return err
	}}
}

// Word is a value that a key allows, with what it means.
type Word[T any] struct {
	Text  string
	Means T
}

// OneOf is a target that accepts one of some words, in any case, and stores what it means. The key
// allows no others.
func OneOf[T any](into *T, words ...Word[T]) Target {
	t := Target{into: into, types: []Type{String, Class}, fill: func(value string) error {
		value = strings.TrimSpace(value)
		at := slices.IndexFunc(words, func(w Word[T]) bool { return strings.EqualFold(w.Text, value) })
		if at < 0 {
			return fmt.Errorf("%q is not one of the allowed values", abbreviate(value))
		}
		*into = words[at].Means
		return nil
	}}
	for _, word := range words {
		t.words = append(t.words, word.Text)
	}
	return t
}

// Choice is OneOf for a type whose values are the words themselves.
func Choice[T ~string](into *T, words ...T) Target {
	choices := make([]Word[T], len(words))
	for i, word := range words {
		choices[i] = Word[T]{string(word), word}
	}
	return OneOf(into, choices...)
}

// Family is a target for a key whose name ends in "*". It stores what is set under the prefix, with
// the prefix cut off, including keys that are declared by their own names.
func Family(into *map[string]string) Target {
	return ReadFamily(into, func(members map[string]string) (map[string]string, error) { return members, nil })
}

// ReadFamily is Family with a type of its own; see Read.
func ReadFamily[T any](into *T, parse func(members map[string]string) (T, error)) Target {
	return Target{into: into, fillFamily: func(members map[string]string) error {
		read, err := parse(members)
		if err == nil {
			*into = read
		}
		return err
	}}
}

// Given is a target that also stores whether the configuration sets the key, so that its value is
// not the default.
func Given(given *bool, t Target) Target {
	t.fillGiven = func(set bool) { *given = set }
	return t
}

// Elsewhere is the target of a key that is accepted but not stored in the connector's own settings:
// the runtime reads it, or it makes no difference here, as its documentation says.
func Elsewhere() Target {
	return Target{elsewhere: true, fill: func(string) error { return nil }}
}

// Elsewhere reports whether the target was made by the function Elsewhere.
func (t Target) Elsewhere() bool { return t.elsewhere }

// Bound reports whether a target has been set.
func (t Target) Bound() bool { return t.fill != nil || t.fillFamily != nil }

// fits returns how the declaration of a key contradicts its target; nil if it does not.
func (k Key) fits() error {
	_, family := strings.CutSuffix(k.Name, "*")
	switch t := k.Into; {
	case !t.Bound():
		return nil
	case k.Unsupported != "":
		return fmt.Errorf("catalogue: key %s is not supported and fills a variable", k.Name)
	case t.fillFamily != nil && !family:
		return fmt.Errorf("catalogue: key %s fills a variable for the members of a family", k.Name)
	case len(t.types) > 0 && !slices.Contains(t.types, k.Type):
		return fmt.Errorf("catalogue: key %s is declared as %s, and fills a variable for %s", k.Name, k.Type, t.types[0])
	}
	return nil
}

// Fill fills the variables of keys with the values of a configuration, or their defaults. A
// variable whose key has neither keeps its value. Errors are Problems, joined in the order of the
// keys. A key that the values' catalogue does not declare is a mistake of the program and panics.
func Fill(v Values, keys []Key) error {
	var faults []error
	for _, key := range keys {
		if err := key.fill(v); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

func (k Key) fill(v Values) error {
	if !k.Into.Bound() {
		return nil
	}
	var err error
	if prefix, family := strings.CutSuffix(k.Name, "*"); family {
		if members := v.WithPrefix(prefix); k.Into.fillFamily != nil && len(members) > 0 {
			err = k.Into.fillFamily(members)
		}
	} else {
		_, given := v.given[k.Name]
		if k.Into.fillGiven != nil {
			k.Into.fillGiven(given)
		}
		if value, ok := v.lookup(k.Name); ok {
			err = k.Into.fill(value)
		}
	}
	if err == nil {
		return nil
	}
	if problem, ok := errors.AsType[Problem](err); ok {
		return problem
	}
	if fault, ok := errors.AsType[Fault](err); ok {
		return k.refuse(v, string(fault))
	}
	return Problemf(k.Name, "%s: %w", k.Name, err)
}

// refuse is the Problem of a value that cannot be read, or is wrong in combination with those of
// other keys, in the words for a value that is wrong by itself.
func (k Key) refuse(v Values, said string) Problem {
	value, _ := v.lookup(k.Name)
	return Problem{Key: k.Name, Message: k.invalid(k.Name, value, value, said)}
}

// Filling returns the key that fills a variable. A connector uses it to put the keys of a library
// in their places among its own. It panics if there is none, since that is a mistake of the
// program.
func Filling(keys []Key, into any) Key {
	at := slices.IndexFunc(keys, func(k Key) bool { return k.Into.into == into })
	if at < 0 {
		panic(fmt.Sprintf("catalogue: no key fills the %T that a connector puts in its place", into))
	}
	return keys[at]
}

// Named returns the items of a list separated by commas, without spaces around them and without
// empty ones.
func Named(list string) []string {
	var all []string
	for item := range strings.SplitSeq(list, ",") {
		if item = strings.TrimSpace(item); item != "" {
			all = append(all, item)
		}
	}
	return all
}
