package admin

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/services/admin/ctl"
)

// Transactions that do hang are in tests/usecase: the in-memory broker of this package's tests has none.
func TestOnlyAdminsRollTransactionsBackAndItIsInTheTimeline(t *testing.T) {
	users := usersFile(t)
	s := start(t, func(c *Config) { c.UsersFile = users })
	as := func(role string, args ...string) (string, int) {
		t.Setenv("CALYPSO_TOKEN", role+"-1:"+role+"-pw")
		return s.ctl(t, "", args...)
	}
	if out, code := as("viewer", "transactions", "list"); code != 0 || !strings.Contains(out, "No transaction hangs.") {
		t.Errorf("list: %d %s", code, out)
	}
	if out, code := as("viewer", "transactions", "list", "--topic", "not-there"); code != ctl.ExitNotFound ||
		!strings.Contains(out, "no topic not-there") {
		t.Errorf("list of a topic that there is not: %d %s", code, out)
	}
	abort := []string{"transactions", "abort", "calypso-offsets", "0", "--producer", "7"}
	if out, code := as("operator", abort...); code != ctl.ExitDenied {
		t.Errorf("by an operator: %d %s", code, out)
	}
	if out, code := as("admin", abort...); code != ctl.ExitNotFound || !strings.Contains(out, "producer 7") {
		t.Errorf("of one that there is not: %d %s", code, out)
	}
	if out, code := as("admin", "transactions", "abort", "calypso-offsets", "first", "--producer",
		"7"); code != ctl.ExitUsage {
		t.Errorf("of no partition: %d %s", code, out)
	}
	testenv.Eventually(t, time.Minute, "the event", func(context.Context) error {
		if out, code := as("admin", "get", "events"); code != 0 || !strings.Contains(out, "AbortHangingTransaction") ||
			!strings.Contains(out, "admin-1") {
			return fmt.Errorf("get events: %d %s", code, out)
		}
		return nil
	})
}
