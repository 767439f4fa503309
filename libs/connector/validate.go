package connector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/secret"
	"github.com/calypso-cdc/calypso/libs/connector/state"
	"github.com/calypso-cdc/calypso/libs/contain"
)

const (
	// maxConfig bounds a configuration in bytes, keys and values together: it must fit into one Kafka record of the
	// usual limit of 1 MB.
	maxConfig = 512 << 10
	// maxChecks bounds how many validations may connect to sources and targets at the same time.
	maxChecks = 4
)

// validated is the outcome of checking a configuration.
type validated struct {
	// config is as given, but for masks, which were replaced by what they stand for, and for the name.
	config map[string]string
	// keys are those that the configuration can have.
	keys               *catalogue.Catalogue
	values             catalogue.Values
	tasks              int
	warnings, problems []catalogue.Problem
}

// validate checks a configuration against a plugin's catalogue, with references resolved, and asks for the number of
// tasks. earlier is what masks stand for.
func (w *Worker) validate(plugin Plugin, config, earlier map[string]string) validated {
	if problem := tooLarge(config); problem != nil {
		return validated{config: config, keys: plugin.Catalogue, problems: []catalogue.Problem{*problem}}
	}
	full, problems := secret.Unmasked(plugin.Catalogue, config, earlier)
	resolved, faults := w.config.References.Resolve(full)
	for key, fault := range faults {
		problems = append(problems, catalogue.Problem{Key: key, Message: fmt.Sprintf("Invalid value for configuration %s: %s", key, fault)})
		delete(resolved, key) // its value is unknown, not empty
	}
	result := validated{config: full}
	var wrong []catalogue.Problem
	result.keys, result.values, result.warnings, wrong = plugin.parse(full, resolved)
	secrets := secret.Of(plugin.Catalogue, full, resolved)
	for _, problem := range wrong {
		if _, unresolved := faults[problem.Key]; !unresolved {
			problems = append(problems, secrets.HideIn(problem, full)) // which quotes the value, and a URL in it its password
		}
	}
	result.warnings = append(result.warnings, doubtfulReferences(full)...)
	result.problems = problems
	if len(problems) > 0 {
		return result
	}
	tasks, err := plugin.Tasks(result.values)
	switch {
	case err != nil:
		for _, problem := range problemsOf(plugin.Catalogue, err) {
			result.problems = append(result.problems, secrets.HideIn(problem, full))
		}
	case tasks < 1:
		result.tasks = 1
	default:
		result.tasks = tasks
	}
	return result
}

// storedValues are those of a connector's configuration, as far as its references can be resolved.
func (w *Worker) storedValues(plugin Plugin, connector state.Connector) catalogue.Values {
	config := connector.Properties()
	resolved, faults := w.config.References.Resolve(config)
	for key := range faults {
		delete(resolved, key)
	}
	values, _, _ := plugin.parseStored(config, resolved)
	return values
}

// doubtfulReferences warns of what looks like a reference and is none.
func doubtfulReferences(config map[string]string) (warnings []catalogue.Problem) {
	for _, key := range slices.Sorted(maps.Keys(config)) {
		for _, reference := range secret.UnknownReferences(config[key]) {
			warnings = append(warnings, catalogue.Problem{Key: key, Message: fmt.Sprintf(
				"%s: %s is taken as it stands: there is no such provider of references; there are dir, env and file, such as ${file:/path:key}", key, reference)})
		}
	}
	return warnings
}

// warningsOf are those of an accepted configuration that somebody should look at. References stay what they are: nobody waits here for
// files.
func warningsOf(plugin Plugin, config map[string]string) []string {
	_, warnings, _ := plugin.parseStored(config, config)
	warnings = slices.DeleteFunc(warnings, func(p catalogue.Problem) bool { return p.Harmless })
	return messages(append(warnings, doubtfulReferences(config)...))
}

// problemsOf are the faults that an error joins, each with its key: the one it says, or the first that its text names.
func problemsOf(keys *catalogue.Catalogue, err error) []catalogue.Problem {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []catalogue.Problem
		for _, e := range joined.Unwrap() {
			all = append(all, problemsOf(keys, e)...)
		}
		return all
	}
	var problem catalogue.Problem
	if errors.As(err, &problem) {
		return []catalogue.Problem{problem}
	}
	named := strings.FieldsFunc(err.Error(), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-", r)
	})
	at := slices.IndexFunc(named, func(word string) bool {
		_, known := keys.Lookup(strings.TrimRight(word, "."))
		return known && strings.Contains(word, ".")
	})
	if at < 0 {
		return []catalogue.Problem{{Key: "tasks.max", Message: err.Error()}}
	}
	return []catalogue.Problem{{Key: strings.TrimRight(named[at], "."), Message: err.Error()}}
}

// tooLarge names the largest key of a configuration that is larger than allowed.
func tooLarge(config map[string]string) *catalogue.Problem {
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
	return &catalogue.Problem{Key: largest, Message: fmt.Sprintf(
		"The configuration has %d bytes, more than the %d that are allowed; the largest key is %.200s", size, maxConfig, largest)}
}

// check looks at Kafka, and then at the source or target.
func (w *Worker) check(ctx context.Context, plugin Plugin, v validated) []Check {
	return append(w.checkBroker(ctx, plugin, v), w.checkPlugin(ctx, plugin, v)...)
}

// checkPlugin looks at the source or target, for at most the check timeout.
func (w *Worker) checkPlugin(ctx context.Context, plugin Plugin, v validated) []Check {
	if plugin.Check == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, w.config.CheckTimeout)
	defer cancel()
	late := []Check{{
		Name:   "answer in time",
		Detail: fmt.Sprintf("the source or target could not be checked within %s", w.config.CheckTimeout.Round(time.Millisecond)),
		Remedy: "See that the address is right and can be reached from worker " + w.config.WorkerID + ".",
	}}
	select {
	case w.checks <- struct{}{}:
	case <-ctx.Done():
		return late
	}
	found := make(chan []Check, 1)
	contain.Go("check of a configuration", func() {
		defer func() { <-w.checks }()
		found <- plugin.Check(ctx, v.values)
	}, func(err error) {
		w.logger.Error("the check of a configuration panicked", "class", plugin.Class, "err", err)
		found <- []Check{{Name: "check", Detail: "the check failed by a fault of the connector; the worker's log says more"}}
	})
	select {
	case checks := <-found:
		resolved, _ := w.config.References.Resolve(v.config)
		secrets := secret.Of(plugin.Catalogue, v.config, resolved)
		for i := range checks {
			checks[i].Detail, checks[i].Remedy = secrets.Hide(checks[i].Detail), secrets.Hide(checks[i].Remedy)
		}
		return checks
	case <-ctx.Done():
		return late
	}
}
