package config

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/spelling"
)

// ErrHelp is returned when --help, -h or --version was given, after the text was written.
var ErrHelp = errors.New("help was asked for")

// Program is the program whose settings are loaded.
type Program struct {
	// Name is the program's name as typed.
	Name string
	// About is a paragraph on what the program does.
	About string
	// Version is what --version prints (version.Line); without one there is no such flag.
	Version string
	// Prefix begins the names of environment variables; CALYPSO_ if empty.
	Prefix string
	// Examples are commands worth trying, shown by --help.
	Examples []string
	// LookupEnv reads the environment, Environ lists it, Output is where --help goes; the process's own if nil.
	LookupEnv func(string) (string, bool)
	Environ   func() []string
	Output    io.Writer
}

// Load fills into, a pointer to a struct, from args (without the program's name) and the
// environment. warnings name variables that begin with the prefix and are not a setting's but close
// to one: probably typing errors.
func (p Program) Load(into any, args []string) (warnings []string, err error) {
	p = p.withDefaults()
	settings, sections, err := declared(reflect.ValueOf(into))
	if err != nil {
		return nil, err
	}
	p.rename(settings)
	given, faults := p.parseFlags(settings, args)
	if _, help := given["help"]; help {
		p.Usage(into)
		return nil, ErrHelp
	}
	if _, version := given["version"]; version {
		fmt.Fprintln(p.Output, p.Version)
		return nil, ErrHelp
	}
	for _, setting := range settings {
		text, from, ok, err := p.find(setting, given)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if !ok {
			continue
		}
		if err := assign(setting.value, text); err != nil {
			shown := strconv.Quote(text)
			if setting.secret {
				shown = "(hidden)"
			}
			faults = append(faults, fmt.Errorf("%s: %s is not %w", from, shown, err))
		}
	}
	if len(faults) == 0 {
		for _, section := range sections {
			if checked, ok := section.Interface().(interface{ Validate() error }); ok {
				if err := checked.Validate(); err != nil {
					faults = append(faults, err)
				}
			}
		}
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("%w\nrun %s --help for all settings", errors.Join(faults...), p.Name)
	}
	return p.slips(settings), nil
}

func (p Program) withDefaults() Program {
	if p.LookupEnv == nil {
		p.LookupEnv = os.LookupEnv
	}
	if p.Environ == nil {
		p.Environ = os.Environ
	}
	if p.Prefix == "" {
		p.Prefix = usualPrefix
	}
	if p.Output == nil {
		p.Output = os.Stdout
	}
	return p
}

// setting is one declared field.
type setting struct {
	name      string
	variables []string // in the order in which they are looked up
	initial   string
	hasInit   bool
	help      string
	secret    bool
	value     reflect.Value
}

// SetDefaults sets the zero fields of a settings struct to their declared defaults, for settings
// that a program made instead of loading them. It panics if a declaration cannot be read, which is
// a mistake in the program.
func SetDefaults(into any) {
	given := reflect.ValueOf(into).Elem()
	before := reflect.New(given.Type()).Elem()
	before.Set(given)
	settings, _, err := declared(given.Addr())
	if err != nil {
		panic(err)
	}
	was, _, _ := declaredIn(before, "", func(reflect.Value, string) error { return nil })
	for i, s := range settings {
		if !was[i].value.IsZero() {
			s.value.Set(was[i].value)
		}
	}
}

// declared lists the settings of a struct and its sections, the struct itself last.
func declared(into reflect.Value) (settings []setting, sections []reflect.Value, err error) {
	if into.Kind() != reflect.Pointer || into.Elem().Kind() != reflect.Struct {
		return nil, nil, fmt.Errorf("config: want a pointer to a struct, not %s", into.Type())
	}
	settings, sections, err = declaredIn(into.Elem(), "", assign)
	if err != nil {
		return nil, nil, err
	}
	names := map[string]bool{}
	for _, s := range settings {
		if names[s.name] {
			return nil, nil, fmt.Errorf("config: setting %s is declared twice", s.name)
		}
		names[s.name] = true
	}
	return settings, append(sections, into), nil
}

// declaredIn lists them without checks; initialize puts a default into a field.
func declaredIn(structure reflect.Value, prefix string, initialize func(field reflect.Value, text string) error) (
	settings []setting, sections []reflect.Value, err error) {
	for i := range structure.NumField() {
		field := structure.Type().Field(i)
		name, named := field.Tag.Lookup("name")
		if !named {
			if field.Type.Kind() == reflect.Struct && field.IsExported() {
				inner, innerSections, err := declaredIn(structure.Field(i), prefix+field.Tag.Get("prefix"), initialize)
				if err != nil {
					return nil, nil, err
				}
				settings = append(settings, inner...)
				sections = append(append(sections, innerSections...), structure.Field(i).Addr())
			}
			continue
		}
		s := setting{name: prefix + name, help: field.Tag.Get("help"), value: structure.Field(i),
			secret: field.Type == reflect.TypeFor[Secret]()}
		s.initial, s.hasInit = field.Tag.Lookup("default")
		s.variables = []string{variable(s.name)}
		if more := field.Tag.Get("env"); more != "" {
			s.variables = append(s.variables, strings.Split(more, ",")...)
		}
		if s.hasInit {
			if err := initialize(s.value, s.initial); err != nil {
				return nil, nil, fmt.Errorf("config: default of %s: %q is not %w", s.name, s.initial, err)
			}
		}
		settings = append(settings, s)
	}
	return settings, sections, nil
}

// usualPrefix begins the names of variables unless a program has a Prefix.
const usualPrefix = "CALYPSO_"

// rename gives the settings' own variables the program's prefix.
func (p Program) rename(settings []setting) {
	for _, s := range settings {
		s.variables[0] = p.Prefix + strings.TrimPrefix(s.variables[0], usualPrefix)
	}
}

func variable(name string) string {
	return usualPrefix + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(name))
}

// parseFlags accepts --name=value, --name value, and --name for a boolean, with one dash or two.
func (p Program) parseFlags(settings []setting, args []string) (given map[string]string, faults []error) {
	given = map[string]string{}
	names := map[string]bool{"help": true} // name -> may stand alone
	if p.Version != "" {
		names["version"] = true
	}
	for _, s := range settings {
		if s.secret {
			names[s.name+"-file"] = false
			continue
		}
		names[s.name] = s.value.Kind() == reflect.Bool
	}
	for i := 0; i < len(args); i++ {
		name, dashed := strings.CutPrefix(args[i], "-")
		name = strings.TrimPrefix(name, "-")
		if !dashed || name == "" {
			faults = append(faults, fmt.Errorf("%q is not a flag", args[i]))
			continue
		}
		name, value, assigned := strings.Cut(name, "=")
		if name == "h" {
			name = "help"
		}
		alone, known := names[name]
		switch {
		case !known && hasKey(names, name+"-file"):
			faults = append(faults,
				fmt.Errorf("--%s: secrets are not taken from the command line, which others can see; use --%s-file or %s", name,
					name, p.Prefix+strings.TrimPrefix(variable(name), usualPrefix)))
			if !assigned && i+1 < len(args) {
				i++
			}
			continue
		case !known:
			fault := fmt.Errorf("--%s: there is no such flag", name)
			if near := spelling.Nearest(name, slices.Values(slices.Sorted(maps.Keys(names)))); near != "" {
				fault = fmt.Errorf("--%s: there is no such flag; did you mean --%s?", name, near)
			}
			faults = append(faults, fault)
			if !assigned && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
				i++ // its value
			}
			continue
		case assigned:
		case alone:
			value = "true"
		case i+1 < len(args):
			i++
			value = args[i]
		default:
			faults = append(faults, fmt.Errorf("--%s: the value is missing", name))
			continue
		}
		given[name] = value
	}
	return given, faults
}

func hasKey(names map[string]bool, name string) bool {
	_, ok := names[name]
	return ok
}

// find looks up a value: from the flag, the flag of a file, then each variable and its _FILE.
func (p Program) find(s setting, given map[string]string) (text, from string, ok bool, err error) {
	if text, ok := given[s.name]; ok {
		return text, "--" + s.name, true, nil
	}
	if path, ok := given[s.name+"-file"]; ok && s.secret {
		text, err := readSecret(path)
		if err != nil {
			return "", "", false, fmt.Errorf("--%s-file: %w", s.name, err)
		}
		return text, "--" + s.name + "-file", true, nil
	}
	for _, variable := range s.variables {
		if text, ok := p.LookupEnv(variable); ok && text != "" {
			return text, variable, true, nil
		}
		if path, ok := p.LookupEnv(variable + "_FILE"); ok && path != "" {
			text, err := readSecret(path)
			if err != nil {
				return "", "", false, fmt.Errorf("%s_FILE: %w", variable, err)
			}
			return text, variable + "_FILE", true, nil
		}
	}
	return "", "", false, nil
}

// readSecret reads a file, without the newline that editors add at its end.
func readSecret(path string) (string, error) {
	content, err := ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the file: %w", err)
	}
	return strings.TrimRight(string(content), "\r\n"), nil
}

// assign puts a value into a field. Its error completes "… is not".
func assign(field reflect.Value, text string) error {
	if unmarshaler, ok := field.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := unmarshaler.UnmarshalText([]byte(text)); err != nil {
			return fmt.Errorf("right: %w", err)
		}
		return nil
	}
	switch target := field.Addr().Interface().(type) {
	case *time.Duration:
		duration, err := time.ParseDuration(text)
		if err != nil {
			return errors.New("a duration such as 500ms or 1m30s")
		}
		*target = duration
		return nil
	case *[]string:
		*target = nil
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item != "" {
				*target = append(*target, item)
			}
		}
		return nil
	}
	switch field.Kind() {
	case reflect.String:
		field.SetString(text)
	case reflect.Bool:
		value, err := strconv.ParseBool(text)
		if err != nil {
			return errors.New("true or false")
		}
		field.SetBool(value)
	case reflect.Int, reflect.Int16, reflect.Int32, reflect.Int64:
		value, err := strconv.ParseInt(text, 10, field.Type().Bits())
		if err != nil {
			return fmt.Errorf("a whole number of %d bits", field.Type().Bits())
		}
		field.SetInt(value)
	case reflect.Float64:
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return errors.New("a number")
		}
		field.SetFloat(value)
	default:
		return fmt.Errorf("supported: settings of type %s do not exist", field.Type())
	}
	return nil
}

// slips returns warnings about variables that begin with the prefix and nearly name a setting.
// Other variables may belong to other services.
func (p Program) slips(settings []setting) []string {
	known := map[string]bool{}
	var variables []string
	for _, s := range settings {
		for _, v := range s.variables {
			known[v], known[v+"_FILE"] = true, true
			variables = append(variables, v)
		}
	}
	var warnings []string
	for _, assignment := range p.Environ() {
		name, _, _ := strings.Cut(assignment, "=")
		if !strings.HasPrefix(name, p.Prefix) || known[name] {
			continue
		}
		if near := spelling.Nearest(name, slices.Values(variables)); near != "" {
			warnings = append(warnings, fmt.Sprintf("environment variable %s has no effect; did you mean %s?", name, near))
		}
	}
	return warnings
}
