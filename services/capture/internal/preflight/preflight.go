package preflight

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// OpenForLong is how long a transaction must have been open to be shown as one that holds up a
// slot: shorter ones come and go.
const OpenForLong = time.Minute

// Finding is what a check found: the detail if err is nil, else the error and its remedy.
func Finding(name, detail string, err error) connector.Check {
	if err == nil {
		return connector.Check{Name: name, OK: true, Detail: detail}
	}
	c := connector.Check{Name: name, Detail: err.Error()}
	if e, ok := errors.AsType[*pgrepl.Error](err); ok {
		c.Remedy = e.Remedy
		c.Detail = strings.TrimSuffix(c.Detail, ". "+e.Remedy) // the check shows it beside the detail
	}
	return c
}

// Few joins sentences: the first five, and the number of the others.
func Few(all []string) string {
	const most = 5
	if len(all) > most {
		return strings.Join(all[:most], "; ") + fmt.Sprintf("; and %d more", len(all)-most)
	}
	return strings.Join(all, "; ")
}
