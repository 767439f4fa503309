package kusto

import (
	"errors"
	"net/http"
	"testing"

	"github.com/calypso-cdc/calypso/libs/egress"
)

func TestAClusterIsNoMetadataServiceEvenIfItsHostIsTrusted(t *testing.T) {
	endpoints, err := DeriveEndpoints("http://169.254.169.254:80", "http://169.254.169.254:80")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Endpoints: endpoints}); err == nil {
		t.Error("the host is trusted by default")
	}
	c, err := New(Config{Endpoints: endpoints, TrustedHosts: []string{"169.254.169.254"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, method := range []string{http.MethodGet, http.MethodPut} { // of a cluster and of the storage that it names
		request, err := http.NewRequestWithContext(t.Context(), method, "http://169.254.169.254/metadata/instance", nil)
		if err != nil {
			t.Fatal(err)
		}
		var refused *egress.Refused
		if _, err := c.http.Do(request); !errors.As(err, &refused) {
			t.Errorf("%s: %v", method, err)
		}
	}
}

// tripper counts the requests that come to it.
type tripper int

func (n *tripper) RoundTrip(r *http.Request) (*http.Response, error) {
	*n++
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
}

func TestCredentialsStillAskTheMachineForItsIdentity(t *testing.T) {
	var next, identity tripper
	client := &http.Client{Transport: &transport{next: &next, identity: &identity}}
	for _, question := range []struct{ address, header string }{
		{"http://169.254.169.254/metadata/identity/oauth2/token?resource=x", "Metadata"},
		{"http://169.254.130.2:8081/msi/token", "X-IDENTITY-HEADER"},
		{"http://169.254.130.2:8081/msi/token", "Accept"},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, question.address, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set(question.header, "true")
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
	}
	if next != 1 || identity != 2 {
		t.Errorf("%d requests went to clusters and %d to the machine", next, identity)
	}
}
