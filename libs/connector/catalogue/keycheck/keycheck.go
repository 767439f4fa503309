// Package keycheck checks, for tests, that configuration keys mean what their declarations say:
// each is documented, some value of each makes a difference, and setting its default is the same as
// leaving it out.
package keycheck

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/javaregex"
)

// Keys are declared keys with the function that reads them.
type Keys struct {
	// Of names whose keys they are, in failures.
	Of       string
	Declared []catalogue.Key
	// Whole are the settings that are needed for a configuration to be read at all.
	Whole map[string]string
	// Read reads settings. The fields of its results are compared; of functions only whether they are
	// nil.
	Read func(settings map[string]string) (any, error)
	// Values are further values to try a key with, and With is what else has to be set for that.
	Values map[string][]string
	With   map[string]map[string]string
	// Without are keys that need not make a difference, with the reason.
	Without map[string]string
	// Shown are keys whose default is only shown, so that setting it differs from leaving the key out,
	// with the reason.
	Shown map[string]string
}

// ofEach are values that many keys take.
var ofEach = []string{"true", "false", "7", "1000", "100000", "b", "a.b", "b:c", "b:header", "ignore",
	"https://b.example", "/b"}

// Check fails the test for each key that does not mean what its declaration says.
func Check(t *testing.T, k Keys) {
	t.Helper()
	bare, err := k.seen(nil)
	if err != nil {
		t.Errorf("%s cannot be read: %v", k.Of, err)
		return
	}
	declared, err := catalogue.New(k.Declared)
	if err != nil {
		t.Errorf("the keys of %s: %v", k.Of, err)
		return
	}
	k.Declared = declared.Keys()
	for _, key := range k.Declared {
		if key.Doc == "" {
			t.Errorf("%s of %s is not documented", key.Name, k.Of)
		}
		if key.Unsupported != "" || key.Into.Elsewhere() || strings.HasSuffix(key.Name, "*") {
			continue
		}
		_, set := k.Whole[key.Name]
		// Keys of earlier releases have defaults beside each other only: one that is set replaces a later key.
		_, shown := k.Shown[key.Name]
		if key.Default != nil && !set && !shown && !key.Hidden {
			if is, err := k.seen(map[string]string{key.Name: *key.Default}); err != nil || is != bare {
				t.Errorf("%s=%s of %s, its default, is not what leaving it out is: %v\n%s", key.Name, *key.Default, k.Of, err,
					difference(is, bare))
			}
		}
		if _, known := k.Without[key.Name]; !known && !k.matters(key) {
			t.Errorf("no value of %s changes what %s does", key.Name, k.Of)
		}
	}
	for name := range k.Without {
		if !slices.ContainsFunc(k.Declared, func(key catalogue.Key) bool { return key.Name == name && !k.matters(key) }) {
			t.Errorf("%s of %s makes a difference, or is not declared: remove it from those that need not", name, k.Of)
		}
	}
}

// matters reports whether two values of a key are read differently.
func (k Keys) matters(key catalogue.Key) bool {
	first, read := "", false
	for _, value := range slices.Concat(k.Values[key.Name], key.Allowed, ofEach) {
		settings := maps.Clone(k.With[key.Name])
		if settings == nil {
			settings = map[string]string{}
		}
		settings[key.Name] = value
		is, err := k.seen(settings)
		if err != nil {
			continue
		}
		if !read {
			delete(settings, key.Name)
			if without, err := k.seen(settings); err == nil {
				first, read = without, true
			} else {
				first, read = is, true
			}
		}
		if is != first {
			return true
		}
	}
	return false
}

// seen is what Read makes of the settings in Whole and more.
func (k Keys) seen(more map[string]string) (string, error) {
	settings := maps.Clone(k.Whole)
	if settings == nil {
		settings = map[string]string{}
	}
	maps.Copy(settings, more)
	read, err := k.Read(settings)
	if err != nil {
		return "", err
	}
	return Seen(read), nil
}

// difference returns the surroundings of the first place at which two texts differ.
func difference(a, b string) string {
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	around := func(s string) string { return s[max(0, at-60):min(len(s), at+60)] }
	return around(a) + "\n" + around(b)
}

// Seen is what a value holds, unexported fields included: patterns by their texts, functions by whether there is one.
func Seen(of any) string {
	var b strings.Builder
	write(&b, reflect.ValueOf(of), map[uintptr]bool{})
	return b.String()
}

func write(b *strings.Builder, v reflect.Value, above map[uintptr]bool) {
	if !v.IsValid() {
		b.WriteString("nil")
		return
	}
	switch v.Type() {
	case reflect.TypeFor[*javaregex.Pattern]():
		if !v.IsNil() {
			fmt.Fprintf(b, "/%s/", v.Elem().Field(0))
		}
		return
	case reflect.TypeFor[*javaregex.Replacement]():
		return
	}
	switch v.Kind() {
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		fmt.Fprintf(b, "%s(%t)", v.Kind(), !v.IsNil())
	case reflect.Interface:
		if !v.IsNil() {
			b.WriteString(v.Elem().Type().String())
		}
		write(b, v.Elem(), above)
	case reflect.Pointer:
		switch {
		case v.IsNil():
			b.WriteString("nil")
		case above[v.Pointer()]:
			b.WriteString("again")
		default:
			above[v.Pointer()] = true
			write(b, v.Elem(), above)
			delete(above, v.Pointer())
		}
	case reflect.Struct:
		b.WriteByte('{')
		for i := range v.NumField() {
			b.WriteString(v.Type().Field(i).Name + ":")
			write(b, v.Field(i), above)
			b.WriteByte(' ')
		}
		b.WriteByte('}')
	case reflect.Slice, reflect.Array:
		b.WriteByte('[')
		for i := range v.Len() {
			write(b, v.Index(i), above)
			b.WriteByte(' ')
		}
		b.WriteByte(']')
	case reflect.Map:
		entries := make([]string, 0, v.Len())
		for _, key := range v.MapKeys() {
			var one strings.Builder
			write(&one, key, above)
			one.WriteByte(':')
			write(&one, v.MapIndex(key), above)
			entries = append(entries, one.String())
		}
		slices.Sort(entries)
		fmt.Fprint(b, entries)
	case reflect.String:
		fmt.Fprintf(b, "%q", v.String())
	default:
		fmt.Fprintf(b, "%v", v)
	}
}
