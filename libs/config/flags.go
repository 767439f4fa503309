package config

import "reflect"

// Flag is the flag of a setting, for command lines that parse flags themselves and pass them to
// Program.Load.
type Flag struct {
	// Name has no leading dashes; for a secret it is that of the file and ends with -file.
	Name, Help, Default string
	// Variables are the environment variables that are used if the flag is not given.
	Variables []string
	// Alone is true if the flag needs no value.
	Alone bool
}

// Flags returns the flags of a settings struct, in the order of its fields.
func Flags(into any) []Flag {
	settings, _, err := declared(reflect.ValueOf(into))
	if err != nil {
		panic(err)
	}
	flags := make([]Flag, len(settings))
	for i, s := range settings {
		flags[i] = Flag{Name: s.name, Help: s.help, Default: s.initial, Variables: s.variables,
			Alone: s.value.Kind() == reflect.Bool}
		if s.secret {
			flags[i].Name += "-file"
			flags[i].Help += " The flag names a file that holds it."
		}
	}
	return flags
}
