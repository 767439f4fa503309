package config

import "reflect"

// Flag is the flag of a setting, for a command line that parses its flags by itself and hands them to Program.Load.
type Flag struct {
	// Name is without dashes; of a secret's file it ends with -file.
	Name, Help, Default string
	// Variables are the environment variables that are asked when the flag is not given.
	Variables []string
	// Alone says that the flag needs no value.
	Alone bool
}

// Flags lists the flags of a settings struct in the order of its fields.
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
