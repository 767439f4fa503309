package connector_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/runtime"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

func TestEachRightThatAWorkerLacksIsNamedBeforeTheStart(t *testing.T) {
	t.Parallel()
	kafka := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true, Users: map[string]string{"worker": "secret"}})
	super, err := kgo.NewClient(kgo.SeedBrokers(kafka.Bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	defer super.Close()
	admin := kadm.NewClient(super)
	prefixed, literal := kadm.ACLPatternPrefixed, kadm.ACLPatternLiteral
	acl := func(pattern kadm.ACLPattern, operations ...kadm.ACLOperation) *kadm.ACLBuilder {
		return kadm.NewACLs().Allow("User:worker").AllowHosts("*").Operations(operations...).ResourcePatternType(pattern)
	}
	allow := func(b *kadm.ACLBuilder) {
		t.Helper()
		made, err := admin.CreateACLs(t.Context(), b)
		for _, one := range made {
			if err == nil {
				err = one.Err
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	forbid := func(b *kadm.ACLBuilder) {
		t.Helper()
		gone, err := admin.DeleteACLs(t.Context(), b)
		if err != nil || len(gone) == 0 || len(gone[0].Deleted) == 0 {
			t.Fatal(err, gone)
		}
	}
	rights := []struct {
		acl func() *kadm.ACLBuilder
		// check is the name of the check that says that the right is missing, ok whether the
		// connector may be created all the same.
		kind           connector.Type
		check, command string
		ok             bool
	}{
		{func() *kadm.ACLBuilder { return acl(prefixed, kadm.OpWrite).TransactionalIDs("calypso-") }, connector.Source,
			"kafka transactions", "--operation Write --transactional-id calypso- --resource-pattern-type prefixed", true},
		{func() *kadm.ACLBuilder { return acl(prefixed, kadm.OpCreate).Topics("shop.") }, connector.Source, "topic creation",
			"--operation Create --topic shop. --resource-pattern-type prefixed", true},
		{func() *kadm.ACLBuilder { return acl(prefixed, kadm.OpWrite).Topics("shop.") }, connector.Source,
			"right Write on each topic whose name begins with shop.",
			"--operation Write --topic shop. --resource-pattern-type prefixed", true},
		{func() *kadm.ACLBuilder { return acl(literal, kadm.OpWrite).Topics("calypso-offsets") }, connector.Source,
			"right Write on topic calypso-offsets", "--operation Write --topic calypso-offsets", false},
		{func() *kadm.ACLBuilder { return acl(literal, kadm.OpRead).Topics("orders") }, connector.Sink,
			"right Read on topic orders", "--operation Read --topic orders", false},
		{func() *kadm.ACLBuilder { return acl(literal, kadm.OpWrite).Topics("dead") }, connector.Sink,
			"right Write on topic dead", "--operation Write --topic dead", false},
		{func() *kadm.ACLBuilder { return acl(prefixed, kadm.OpRead).Groups("connect-") }, connector.Sink,
			"right Read on group connect-a", "--operation Read --group connect-a", false},
	}
	for _, r := range rights {
		allow(r.acl())
	}
	allow(acl(prefixed, kadm.OpRead).Groups("fleet-"))
	allow(acl(prefixed, kadm.OpCreate, kadm.OpRead, kadm.OpDescribeConfigs).Topics("calypso-"))
	for _, topic := range []string{"calypso-configs", "calypso-status", "calypso-timeline"} {
		allow(acl(literal, kadm.OpWrite).Topics(topic))
	}
	if _, err := admin.CreateTopics(t.Context(), 1, 1, nil, "orders", "dead"); err != nil {
		t.Fatal(err)
	}
	workers := map[connector.Type]*worker{}
	classes := map[connector.Type]string{connector.Source: "BoardSource", connector.Sink: "BoardSink"}
	for kind := range classes {
		options := []kgo.Opt{kgo.SeedBrokers(kafka.SecuredBootstrap),
			kgo.SASL(plain.Auth{User: "worker", Pass: "secret"}.AsMechanism())}
		workers[kind] = startReadyWorker(t, options, newBoard(), kind, string(kind)+":1", func(c *runtime.Config) {
			c.Plugins[0].Topics = func(catalogue.Values) connector.UsedTopics {
				if kind == connector.Source {
					return connector.UsedTopics{Prefix: "shop."}
				}
				return connector.UsedTopics{Reads: []string{"orders"}, Writes: []string{"dead"}}
			}
		})
	}
	validate := func(kind connector.Type, more ...string) map[string]*connectorv1.Check {
		t.Helper()
		settings := config(append(more, "name", "a")...)
		settings["connector.class"] = classes[kind]
		response, err := workers[kind].ValidateConfig(t.Context(),
			&connectorv1.ValidateConfigRequest{Plugin: classes[kind], Config: settings})
		if err != nil {
			t.Fatal(err)
		}
		checks := map[string]*connectorv1.Check{}
		for _, c := range response.Checks {
			checks[c.Name] = c
		}
		return checks
	}
	for kind := range classes {
		for _, c := range validate(kind) {
			if !c.Ok || c.Remedy != "" {
				t.Errorf("with all rights, of a %s: %v", kind, c)
			}
		}
	}
	for _, r := range rights {
		forbid(r.acl())
		eventually(t, "the missing right to be named: "+r.check, func() error {
			c := validate(r.kind)[r.check]
			if c.GetOk() == r.ok && strings.Contains(c.GetRemedy(), r.command) {
				return nil
			}
			return fmt.Errorf("the check is %v, all are %v", c, validate(r.kind))
		})
		if r.check == "kafka transactions" {
			if c := validate(r.kind, "exactly.once.support", "required")[r.check]; c.Ok {
				t.Errorf("exactly.once.support=required: %v", c)
			}
		}
		allow(r.acl())
	}
}
