package preflight

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/calypso-cdc/calypso/libs/banner"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/classes"
	"github.com/calypso-cdc/calypso/libs/converter"
	"github.com/calypso-cdc/calypso/libs/record"
)

// registryTimeout bounds the check of one registry.
const registryTimeout = 5 * time.Second

// checkRegistries checks the schema registries of a connector's converters; converters without one
// need no check.
func (c *Checker) checkRegistries(ctx context.Context, plugin connector.Plugin, v classes.Checked) []connector.Check {
	var all []connector.Check
	for _, use := range []converter.Use{converter.Key, converter.Value} {
		made, err := converter.New(use, v.Values.Raw())
		if err != nil { // validation reports it
			continue
		}
		if avro, ok := made.Converter.(*record.Avro); ok {
			all = append(all, AskRegistry(ctx, use, avro.Registry, c.config.WorkerID))
			avro.Registry.Close()
		}
	}
	secrets := c.classes.Secrets(plugin, v.Config)
	for i := range all {
		all[i].Detail = secrets.Hide(all[i].Detail)
	}
	return all
}

// AskRegistry asks the schema registry of a converter, from a worker, whether it answers and accepts the
// credentials.
func AskRegistry(ctx context.Context, use converter.Use, registry *record.Registry, worker string) connector.Check {
	ctx, cancel := context.WithTimeoutCause(ctx, registryTimeout,
		fmt.Errorf("the registry does not answer within %s", registryTimeout))
	defer cancel()
	prefix := string(use)
	err := registry.Answers(ctx)
	found := connector.Check{Name: "schema registry of " + prefix, OK: err == nil,
		Detail: "The registry at " + registry.Address() + " answers."}
	if err == nil {
		return found
	}
	cause := err
	if ctx.Err() != nil {
		cause = context.Cause(ctx)
	}
	found.Detail = fmt.Sprintf("asking the schema registry at %s: %v", registry.Address(), cause)
	_, other := errors.AsType[*record.OtherServerError](err)
	switch {
	case record.Denied(err):
		found.Remedy = fmt.Sprintf(
			"Set %[1]s.basic.auth.user.info to user:password, or give that user the right to read (and for a source to register) schemas.", prefix)
	case other, banner.Wrong(err):
		found.Remedy = fmt.Sprintf(
			"Set %s.schema.registry.url to the address of the registry, http(s)://host:port (8081 by default), with its path if it has one.", prefix)
	default:
		found.Remedy = fmt.Sprintf("Make sure that %s.schema.registry.url is right, and that the registry runs and can be reached from worker %s.",
			prefix, worker)
	}
	return found
}
