package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/services/admin/ctl"
)

func TestAConfigurationIsPlannedChangedAndTakenBackByTheCommandLine(t *testing.T) {
	s := start(t, nil)
	if out, code := s.ctl(t, twoConnectors, "apply", "-f", "-"); code != 0 {
		t.Fatalf("apply: %d %s", code, out)
	}
	changed := strings.NewReplacer("topics: shop.retail.orders_info",
		"topics: \"shop.retail.orders_info,shop.retail.returns\"", "canary-31", "canary-32").Replace(twoConnectors)
	out, code := s.ctl(t, changed, "diff", "-f", "-")
	if code != ctl.ExitDifferent || strings.Contains(out, "canary") {
		t.Errorf("diff: %d %s", code, out)
	}
	for _, line := range []string{
		"~ topics: shop.retail.orders_info -> shop.retail.orders_info,shop.retail.returns\n",
		"! TASKS_RESTART: The task starts again", "! TOPICS_ADDED (topics): Topics that are added",
		"~ secret.password: ******** -> ********\n",
	} {
		if !strings.Contains(out, line) {
			t.Errorf("diff lacks %q:\n%s", line, out)
		}
	}
	if out, code := s.ctl(t, strings.Replace(changed, "tasks.max: 1", "tasks.max: none", 1), "diff", "-f",
		"-"); code != ctl.ExitDifferent || !strings.Contains(out, "! it would be refused:") ||
		!strings.Contains(out, "tasks.max") {
		t.Errorf("diff of what is wrong: %d %s", code, out)
	}
	if out, code := s.ctl(t, changed, "apply", "--dry-run", "-f", "-"); code != 0 ||
		!strings.Contains(out, "adx would be changed") || !strings.Contains(out, "TOPICS_ADDED") {
		t.Errorf("dry run: %d %s", code, out)
	}
	if out, code := s.ctl(t, changed, "apply", "-f", "-"); code != 0 || !strings.Contains(out, "src changed") ||
		!strings.Contains(out, "adx changed") {
		t.Fatalf("apply of a change: %d %s", code, out)
	}
	if out, code := s.ctl(t, "", "get", "versions", "adx"); code != 0 || !strings.Contains(out, "VERSION") ||
		!strings.Contains(out, "anonymous") || !strings.Contains(out, "topics") {
		t.Errorf("get versions: %d %s", code, out)
	}
	if out, code := s.ctl(t, "", "rollback", "adx", "--to", "1"); code != 0 ||
		!strings.Contains(out, "adx has the configuration of version 1") {
		t.Fatalf("rollback: %d %s", code, out)
	}
	if out, code := s.ctl(t, twoConnectors, "diff", "-f", "-"); code != ctl.ExitDifferent ||
		strings.Contains(out, "connector adx") || !strings.Contains(out, "connector src") {
		t.Errorf("diff after the rollback: %d %s", code, out)
	}
	for _, wrong := range []struct {
		args []string
		code int
	}{
		{[]string{"rollback", "adx", "--to", "9"}, ctl.ExitNotFound},
		{[]string{"rollback", "nobody", "--to", "1"}, ctl.ExitNotFound},
		{[]string{"rollback", "adx", "--to", "-1"}, ctl.ExitInvalid},
		{[]string{"rollback", "adx"}, ctl.ExitUsage}, {[]string{"rollback", "adx", "--to", "x"}, ctl.ExitUsage},
		{[]string{"get", "versions", "nobody"}, ctl.ExitNotFound}, {[]string{"get", "versions"}, ctl.ExitUsage},
	} {
		if out, code := s.ctl(t, "", wrong.args...); code != wrong.code {
			t.Errorf("%v ends with %d, want %d: %s", wrong.args, code, wrong.code, out)
		}
	}
	code, answer, _ := s.request(t, http.MethodGet, "/v1/connectors/src/config-versions", "")
	var said struct {
		Versions []struct {
			Version     string
			Actor       string
			Config      map[string]string
			ChangedKeys []string
		}
	}
	if err := json.Unmarshal([]byte(answer), &said); err != nil || code != http.StatusOK || len(said.Versions) != 2 ||
		said.Versions[0].Version != "2" ||
		fmt.Sprint(said.Versions[0].ChangedKeys) != "[secret.password]" ||
		said.Versions[0].Config["secret.password"] != "********" || strings.Contains(answer, "canary") {
		t.Errorf("config-versions: %d %s", code, answer)
	}
}

func TestVersionsAndRollbacksNameWhoMadeThem(t *testing.T) {
	path := usersFile(t)
	s := start(t, func(c *Config) { c.UsersFile = path })
	as := func(name string) context.Context {
		// What a caller says about himself does not count.
		return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+name+"-1:"+name+"-pw",
			"calypso-user", "forged")
	}
	config := func(prefix string) map[string]string {
		return map[string]string{"connector.class": sourceClass, "topic.prefix": prefix, "secret.password": "canary-55"}
	}
	for _, prefix := range []string{"shop", "store"} {
		if _, err := s.connectors().UpdateConnectorConfig(as("admin"),
			&connectorv1.UpdateConnectorConfigRequest{Name: "src", Config: config(prefix)}); err != nil {
			t.Fatal(err)
		}
	}
	plan := &connectorv1.PlanConnectorConfigRequest{Name: "src", Config: config("other")}
	rollback := &connectorv1.RollbackConnectorConfigRequest{Name: "src", Version: 1}
	_, denied := s.connectors().PlanConnectorConfig(as("viewer"), plan)
	_, deniedToo := s.connectors().RollbackConnectorConfig(as("operator"), rollback)
	if status.Code(denied) != codes.PermissionDenied || status.Code(deniedToo) != codes.PermissionDenied {
		t.Errorf("a viewer plans: %v; an operator rolls back: %v", denied, deniedToo)
	}
	if p, err := s.connectors().PlanConnectorConfig(as("operator"), plan); err != nil || len(p.GetChanges()) != 1 {
		t.Errorf("an operator plans: %v %v", p, err)
	}
	if _, err := s.connectors().RollbackConnectorConfig(as("admin"), rollback); err != nil {
		t.Fatal(err)
	}
	kept, err := s.connectors().ListConfigVersions(as("viewer"), &connectorv1.ListConfigVersionsRequest{Name: "src"})
	if err != nil || len(kept.GetVersions()) != 3 {
		t.Fatalf("%v %v", kept, err)
	}
	for _, v := range kept.GetVersions() {
		if v.GetActor() != "admin-1" {
			t.Errorf("version %d was made by %q", v.GetVersion(), v.GetActor())
		}
	}
	testenv.Eventually(t, time.Minute, "the rollback in the timeline", func(context.Context) error {
		r, err := s.connectors().ListEvents(as("viewer"), &connectorv1.ListEventsRequest{Connectors: []string{"src"}})
		if err != nil {
			return err
		}
		for _, e := range r.GetEvents() {
			if e.GetAction() == "RollbackConnectorConfig" && e.GetError() == "" && e.GetActor() == "admin-1" &&
				e.GetDetail() == "~ topic.prefix: store -> shop" {
				return nil
			}
			if strings.Contains(e.GetAction(), "Plan") {
				t.Errorf("a plan is in the timeline: %v", e)
			}
		}
		return fmt.Errorf("%v", r.GetEvents())
	})
	if strings.Contains(s.log.String(), "canary-55") || strings.Contains(kept.String(), "canary-55") {
		t.Error("the secret is shown")
	}
}
