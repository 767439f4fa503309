package classes

import (
	"slices"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/secret"
	"github.com/calypso-cdc/calypso/libs/connector/state"
	"github.com/calypso-cdc/calypso/libs/contain"
)

// Stored is an accepted configuration as a task is given it.
type Stored struct {
	Values   catalogue.Values
	Secrets  secret.Values
	Warnings []catalogue.Problem
	// Faults are those of references that cannot be resolved here; Problems say why the values must
	// not be used.
	Faults   secret.Faults
	Problems []catalogue.Problem
}

// Read reads the configuration of a connector, with what its references stand for now.
func (c *Classes) Read(plugin connector.Plugin, of state.Connector) Stored {
	config := of.Properties()
	resolved, behind, faults := c.references.Resolve(config)
	r := Stored{Faults: faults, Secrets: secret.Of(plugin.Catalogue, config, resolved, behind)}
	r.Values, r.Warnings, r.Problems = parseStored(plugin, config, resolved)
	return r
}

// Secrets are the texts of a configuration that must not be shown.
func (c *Classes) Secrets(plugin connector.Plugin, config map[string]string) secret.Values {
	resolved, behind, _ := c.references.Resolve(config)
	return secret.Of(plugin.Catalogue, config, resolved, behind)
}

// Group is a sink connector's consumer group.
func (c *Classes) Group(of state.Connector) string {
	resolved, _, _ := c.references.Resolve(of.Config)
	return connector.ConsumerGroupOf(of.Name, resolved)
}

// StoredValues are those of a connector's configuration, as far as its references can be resolved.
func (c *Classes) StoredValues(plugin connector.Plugin, of state.Connector) catalogue.Values {
	config := of.Properties()
	resolved, _, faults := c.references.Resolve(config)
	for key := range faults {
		delete(resolved, key)
	}
	values, _, _ := parseStored(plugin, config, resolved)
	return values
}

// TaskCount is the number of tasks as recorded. For a configuration that something else has
// written, it is worked out now; if that fails it is 1, so that there is a task to report why.
func (c *Classes) TaskCount(plugin connector.Plugin, of state.Connector) int {
	if of.Tasks > 0 {
		return of.Tasks
	}
	config := of.Properties()
	resolved, _, _ := c.references.Resolve(config)
	values, _, problems := parseStored(plugin, config, resolved)
	tasks := 0
	if len(problems) == 0 {
		err := contain.Call("count of tasks", func() (err error) { tasks, err = plugin.Tasks(values); return err })
		if err != nil {
			return 1
		}
	}
	return max(tasks, 1)
}

// Warnings returns the warnings about an accepted configuration that somebody should look at.
// References are not resolved, so that no call waits for files.
func (c *Classes) Warnings(plugin connector.Plugin, config map[string]string) []catalogue.Problem {
	warnings := slices.DeleteFunc(storedWarnings(plugin, config), func(p catalogue.Problem) bool { return p.Harmless })
	secrets := secret.Of(plugin.Catalogue, config, config, nil)
	for i, warning := range warnings {
		warnings[i] = secrets.HideIn(plugin.Catalogue, warning, config)
	}
	return append(warnings, doubtfulReferences(plugin.Catalogue, config)...)
}
