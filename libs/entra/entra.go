// Package entra gets access tokens of Microsoft Entra with the identity of the process: a service
// principal from its environment, the pod's workload identity, the machine's managed identity, or
// the account signed in to the Azure CLI, in this order.
//
// The Azure SDK keeps a token and renews it before it expires, so a Source may be called for every
// connection.
package entra

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/calypso-cdc/calypso/libs/config"
)

// Source returns the token for a connection. It is safe for concurrent use.
type Source func(context.Context) (string, error)

// authorityVariable overrides the authority that issues tokens, as everywhere in the Azure SDK.
const authorityVariable = "AZURE_AUTHORITY_HOST"

// governments are the domains of the clouds besides the public one, with the authorities that issue
// tokens there.
var governments = []government{
	{".usgovcloudapi.net", cloud.AzureGovernment},
	{".chinacloudapi.cn", cloud.AzureChina},
}

type government struct {
	domain string
	cloud  cloud.Configuration
}

// governing returns the government cloud to which one of hosts belongs by its name, or that the
// environment names if the hosts' names do not tell, such as addresses of a private network. It
// returns false for the public cloud.
func governing(hosts []string) (government, bool) {
	authority := strings.TrimSuffix(strings.ToLower(os.Getenv(authorityVariable)), "/")
	at := slices.IndexFunc(governments, func(g government) bool {
		return slices.ContainsFunc(hosts, func(host string) bool { return within(host, g.domain) })
	})
	if at < 0 && authority != "" {
		at = slices.IndexFunc(governments, func(g government) bool {
			return strings.TrimSuffix(g.cloud.ActiveDirectoryAuthorityHost, "/") == authority
		})
	}
	if at < 0 {
		return government{}, false
	}
	return governments[at], true
}

// PostgresScope returns the scope of tokens for Azure Database for PostgreSQL at one of hosts ("Use
// Microsoft Entra ID for authentication with Azure Database for PostgreSQL" in Microsoft's manual;
// "National clouds").
func PostgresScope(hosts ...string) string {
	if g, ok := governing(hosts); ok {
		return "https://ossrdbms-aad.database" + g.domain + "/.default"
	}
	return "https://ossrdbms-aad.database.windows.net/.default"
}

// EventHubsScope returns the scope of tokens for an Event Hubs namespace, by its host.
func EventHubsScope(host string) string { return "https://" + host + "/.default" }

// For makes a source of tokens with a scope, for a service at one of hosts, whose domains tell in
// which of Azure's clouds it is.
func For(scope string, hosts ...string) Source {
	source := From(scope, func() (azcore.TokenCredential, error) {
		return azidentity.NewDefaultAzureCredential(
			&azidentity.DefaultAzureCredentialOptions{ClientOptions: azcore.ClientOptions{Cloud: cloudOf(hosts)}})
	})
	return func(ctx context.Context) (string, error) {
		if err := CheckFiles(); err != nil {
			return "", err
		}
		return source(ctx)
	}
}

// CheckFiles checks the files that the environment names for the SDK, which reads them without
// limits, those of tokens repeatedly: a pipe would keep it waiting for ever. A missing file is no
// error here, since the SDK may not need it.
func CheckFiles() error {
	for _, variable := range []string{"AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_CERTIFICATE_PATH"} {
		path := os.Getenv(variable)
		if path == "" {
			continue
		}
		if _, err := config.ReadFile(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", variable, err)
		}
	}
	return nil
}

// From makes a source of tokens with a scope from a credential, which is opened once.
func From(scope string, open func() (azcore.TokenCredential, error)) Source {
	credential := sync.OnceValues(open)
	return func(ctx context.Context) (string, error) {
		c, err := credential()
		if err != nil {
			return "", fmt.Errorf("find an identity of Microsoft Entra: %w", err)
		}
		t, err := c.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
		if err != nil {
			return "", &Failure{scope, err}
		}
		return t.Token, nil
	}
}

// Failure is the error if there is no token.
type Failure struct {
	scope string
	err   error
}

func (f *Failure) Error() string {
	return fmt.Sprintf("take a token of Microsoft Entra for %s: %v", f.scope, f.err)
}

func (f *Failure) Unwrap() error { return f.err }

// Passing reports whether waiting can fix it: the authority did not answer, or is too busy. Any
// other answer is about the identity.
func (f *Failure) Passing() bool {
	failed, ok := errors.AsType[*azidentity.AuthenticationFailedError](f.err)
	if !ok {
		_, ok := errors.AsType[net.Error](f.err)
		return ok
	}
	answer := failed.RawResponse
	return answer == nil || answer.StatusCode == http.StatusTooManyRequests ||
		answer.StatusCode >= http.StatusInternalServerError
}

// cloudOf returns the cloud of hosts; zero for the public cloud, and if the environment names the
// authority.
func cloudOf(hosts []string) cloud.Configuration {
	if os.Getenv(authorityVariable) != "" {
		return cloud.Configuration{}
	}
	g, _ := governing(hosts)
	return g.cloud
}

func within(host, domain string) bool {
	return strings.HasSuffix(strings.ToLower(strings.TrimSuffix(host, ".")), domain)
}
