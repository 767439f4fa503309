package preflight

import (
	"context"
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

// ConnectTime is how long an attempt to connect may take in a check that ends with ctx: a third of what
// is left, since there are two with sslmode=prefer, and then the server is still to be told of; at most
// a positive limit.
func ConnectTime(ctx context.Context, limit time.Duration) time.Duration {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return limit
	}
	left := max(time.Until(deadline)/3, time.Second)
	if limit > 0 {
		left = min(left, limit)
	}
	return left
}

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
