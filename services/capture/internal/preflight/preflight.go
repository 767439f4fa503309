// Package preflight words what a look at a source found before a connector starts.
package preflight

import (
	"errors"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// Finding is what a check found: the detail if err is nil, else the error and its remedy.
func Finding(name, detail string, err error) connector.Check {
	if err == nil {
		return connector.Check{Name: name, OK: true, Detail: detail}
	}
	c := connector.Check{Name: name, Detail: err.Error()}
	if e, ok := errors.AsType[*pgrepl.Error](err); ok {
		c.Remedy = e.Remedy
		c.Detail = strings.TrimSuffix(c.Detail, ". "+e.Remedy) // which the check has beside it
	}
	return c
}
