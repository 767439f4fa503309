package classes

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/secret"
	"github.com/calypso-cdc/calypso/libs/contain"
)

const (
	// maxConfig bounds a configuration in bytes, keys and values together: it must fit into one Kafka record of the
	// usual limit of 1 MB.
	maxConfig = 512 << 10
)

// Checked is the outcome of checking a configuration.
type Checked struct {
	// Config is the configuration as given, with masks replaced by what they stand for.
	Config map[string]string
	// Keys are the keys that the configuration can have.
	Keys               *catalogue.Catalogue
	Values             catalogue.Values
	Tasks              int
	Warnings, Problems []catalogue.Problem
}

// Validate checks a configuration against a plugin's catalogue, with references resolved, and
// determines the number of tasks. earlier is a configuration of the connector that was accepted before:
// masks stand for its values, and what a configuration leaves as it is there is taken as it was taken
// then, with a warning where new configurations are refused for it.
func (c *Classes) Validate(plugin connector.Plugin, config, earlier map[string]string) Checked {
	if problem := tooLarge(plugin.Catalogue, config); problem != nil {
		return Checked{Config: config, Keys: plugin.Catalogue, Problems: []catalogue.Problem{*problem}}
	}
	full, problems := secret.Unmasked(plugin.Catalogue, config, earlier)
	resolved, behind, faults := c.references.Resolve(full)
	for key, fault := range faults {
		problems = append(problems, catalogue.Problem{Key: key,
			Message: fmt.Sprintf("Invalid value for configuration %s: %s", key, fault)})
		delete(resolved, key) // its value is unknown, not empty
	}
	result := Checked{Config: full}
	var wrong []catalogue.Problem
	result.Keys, result.Values, result.Warnings, wrong = parse(plugin, full, resolved, earlier)
	secrets := secret.Of(plugin.Catalogue, full, resolved, behind)
	for _, problem := range wrong {
		if _, unresolved := faults[problem.Key]; !unresolved {
			// It quotes the value, and a URL in it its password.
			problems = append(problems, secrets.HideIn(plugin.Catalogue, problem, full))
		}
	}
	for i, warning := range result.Warnings {
		result.Warnings[i] = secrets.HideIn(plugin.Catalogue, warning, full)
	}
	result.Warnings = append(result.Warnings, doubtfulReferences(plugin.Catalogue, full)...)
	result.Problems = problems
	if len(problems) > 0 {
		result.Problems = append(problems, furtherProblems(plugin, result.Values, problems, secrets, full)...)
		return result
	}
	tasks, err := plugin.Tasks(result.Values)
	switch {
	case err != nil:
		for _, problem := range problemsOf(err) {
			problem = asSpelt(result.Keys, problem, full)
			result.Problems = append(result.Problems, secrets.HideIn(plugin.Catalogue, problem, full))
		}
	case tasks < 1:
		result.Tasks = 1
	default:
		result.Tasks = tasks
	}
	return result
}

// furtherProblems finds what the class has to say about the remaining keys when some keys are wrong
// by themselves, so that all problems are reported at once, as in Kafka Connect. It may miss some.
func furtherProblems(plugin connector.Plugin, v catalogue.Values, found []catalogue.Problem, secrets secret.Values,
	config map[string]string) (all []catalogue.Problem) {
	wrong := map[string]bool{}
	for _, problem := range found {
		wrong[problem.Key] = true
	}
	err := contain.Call("check of the valid part of a configuration", func() error {
		_, err := plugin.Tasks(v.Without(wrong))
		return err
	})
	if err == nil {
		return nil
	}
	for _, problem := range problemsOf(err) {
		if !wrong[problem.Key] {
			problem = asSpelt(plugin.Catalogue, problem, config)
			all = append(all, secrets.HideIn(plugin.Catalogue, problem, config))
		}
	}
	return all
}

// asSpelt is a problem that a class found in a key, by the name that the configuration has for the key.
func asSpelt(keys *catalogue.Catalogue, problem catalogue.Problem, config map[string]string) catalogue.Problem {
	if _, given := config[problem.Key]; given {
		return problem
	}
	key, _ := keys.Lookup(problem.Key)
	for _, alias := range key.Aliases {
		if _, given := config[alias]; given {
			problem.Message = strings.ReplaceAll(problem.Message, problem.Key, alias)
			problem.Key = alias
			return problem
		}
	}
	return problem
}

// doubtfulReferences warns of texts that look like references but are not.
func doubtfulReferences(keys *catalogue.Catalogue, config map[string]string) (warnings []catalogue.Problem) {
	shown := secret.ShownNames(keys, config)
	for _, key := range slices.Sorted(maps.Keys(config)) {
		for _, reference := range secret.UnknownReferences(config[key]) {
			warnings = append(warnings, catalogue.Problem{Key: shown[key], Message: fmt.Sprintf(
				"%s: %s is taken as it stands: there is no such provider of references; there are dir, env and file, such as ${file:/path:key}", shown[key], reference)})
		}
	}
	return warnings
}

// problemsOf returns the Problems that an error joins. An error without a key is attributed to
// tasks.max, since the class was asked for the number of tasks.
func problemsOf(err error) []catalogue.Problem {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []catalogue.Problem
		for _, e := range joined.Unwrap() {
			all = append(all, problemsOf(e)...)
		}
		return all
	}
	if problem, ok := errors.AsType[catalogue.Problem](err); ok {
		return []catalogue.Problem{problem}
	}
	return []catalogue.Problem{{Key: "tasks.max", Message: err.Error()}}
}

// tooLarge returns the Problem of a configuration that is larger than allowed, with its largest
// key; nil if it is not.
func tooLarge(keys *catalogue.Catalogue, config map[string]string) *catalogue.Problem {
	size, largest := 0, ""
	for key, value := range config {
		size += len(key) + len(value)
		if len(key)+len(value) > len(largest)+len(config[largest]) {
			largest = key
		}
	}
	if size <= maxConfig {
		return nil
	}
	largest = keys.ShownName(largest)
	return &catalogue.Problem{Key: largest, Message: fmt.Sprintf(
		"The configuration has %d bytes, more than the %d that are allowed; the largest key is %.200s", size,
		maxConfig, largest)}
}
