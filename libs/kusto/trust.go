package kusto

import (
	"fmt"
	"net/url"
	"strings"
	"sync"

	trusted "github.com/Azure/azure-kusto-go/azkustodata/trusted_endpoints"
)

// UntrustedHostError is the error for a cluster's host that may not get data and credentials.
type UntrustedHostError struct{ Host string }

func (e *UntrustedHostError) Error() string {
	return fmt.Sprintf(
		"the host %s is not a known Azure Data Explorer address, so nothing is sent to it: correct the address, or name the host in kusto.trusted.hosts", e.Host)
}

// CheckTrust refuses an endpoint whose host is neither Azure's, nor this machine, nor in allowed.
// An entry of allowed is a host name, or a suffix that starts with a dot.
func CheckTrust(endpoint string, allowed []string) error {
	u, err := url.Parse(endpoint)
	if err != nil {
		return fmt.Errorf("cluster address: %w", err)
	}
	host := strings.ToLower(u.Hostname())
	if Loopback(endpoint) || hasAzureSuffix(host) || hostIn(host, allowed) {
		return nil
	}
	return &UntrustedHostError{Host: host}
}

func hostIn(host string, allowed []string) bool {
	for _, a := range allowed {
		a = strings.ToLower(strings.TrimSpace(a))
		if a != "" && (host == a || strings.HasPrefix(a, ".") && strings.HasSuffix(host, a)) {
			return true
		}
	}
	return false
}

// sdkTrust passes the hosts that users allowed to the SDK, whose own list is per process and has no
// lock. The override is set once, before the first client exists, and reads allowed hosts from
// here.
type sdkTrust struct {
	once  sync.Once
	hosts sync.Map // host name -> struct{}
}

var sdkTrusted sdkTrust // the SDK's list is global, so its key holder is too

func (t *sdkTrust) allow(endpoint string) {
	t.once.Do(func() {
		trusted.Instance.SetOverridePolicy(func(host string) bool {
			_, ok := t.hosts.Load(strings.ToLower(host))
			return ok
		})
	})
	if u, err := url.Parse(endpoint); err == nil {
		t.hosts.Store(strings.ToLower(u.Hostname()), struct{}{})
	}
}
