package preflight

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// OpenForLong is from when on an open transaction counts as one that holds a slot: shorter ones come and go.
const OpenForLong = time.Minute

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

// Few joins sentences, the first of many.
func Few(all []string) string {
	const most = 5
	if len(all) > most {
		return strings.Join(all[:most], "; ") + fmt.Sprintf("; and %d more", len(all)-most)
	}
	return strings.Join(all, "; ")
}
