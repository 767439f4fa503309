// Package entra takes access tokens of Microsoft Entra by the identity that a process has: a service principal of its environment, the
// workload identity of a pod, the managed identity of a machine, or who is signed in to the Azure CLI, in this order.
//
// A token is kept and renewed before its end by the Azure SDK, so a Source may be asked at every connection.
package entra

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/calypso-cdc/calypso/libs/config"
)

// Source gives the token for a connection. It is safe for concurrent use.
type Source func(context.Context) (string, error)

// authorityVariable overrides who gives the tokens, as in all of the Azure SDK.
const authorityVariable = "AZURE_AUTHORITY_HOST"

// governments are the domains of the clouds besides the public one, with who gives tokens there.
var governments = []struct {
	domain string
	cloud  cloud.Configuration
}{
	{".usgovcloudapi.net", cloud.AzureGovernment},
	{".chinacloudapi.cn", cloud.AzureChina},
}

// PostgresScope is the scope of tokens for Azure Database for PostgreSQL at a host ("Use Microsoft Entra ID for authentication with Azure
// Database for PostgreSQL" in Microsoft's manual; "National clouds").
func PostgresScope(host string) string {
	for _, g := range governments {
		if within(host, g.domain) {
			return "https://ossrdbms-aad.database" + g.domain + "/.default"
		}
	}
	return "https://ossrdbms-aad.database.windows.net/.default"
}

// EventHubsScope is the scope of tokens for an Event Hubs namespace, by its host.
func EventHubsScope(host string) string { return "https://" + host + "/.default" }

// For makes a source of tokens of a scope for a service at host, whose domain says which of Azure's clouds it is in.
func For(host, scope string) Source {
	source := From(scope, func() (azcore.TokenCredential, error) {
		return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: azcore.ClientOptions{Cloud: cloudOf(host)}})
	})
	return func(ctx context.Context) (string, error) {
		if err := CheckFiles(); err != nil {
			return "", err
		}
		return source(ctx)
	}
}

// CheckFiles says what is wrong with the files that the environment names for the SDK, which reads them without bounds, those of tokens
// again and again: a pipe would keep it waiting for ever. A file that is not there is the SDK's to judge: it may not need it.
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

// From makes a source of tokens of a scope from a credential, which is opened once.
func From(scope string, open func() (azcore.TokenCredential, error)) Source {
	credential := sync.OnceValues(open)
	return func(ctx context.Context) (string, error) {
		c, err := credential()
		if err != nil {
			return "", fmt.Errorf("find an identity of Microsoft Entra: %w", err)
		}
		t, err := c.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
		if err != nil {
			return "", fmt.Errorf("take a token of Microsoft Entra for %s: %w", scope, err)
		}
		return t.Token, nil
	}
}

// cloudOf is zero for the public cloud, and where the environment names the authority.
func cloudOf(host string) cloud.Configuration {
	if os.Getenv(authorityVariable) != "" {
		return cloud.Configuration{}
	}
	for _, g := range governments {
		if within(host, g.domain) {
			return g.cloud
		}
	}
	return cloud.Configuration{}
}

func within(host, domain string) bool {
	return strings.HasSuffix(strings.ToLower(strings.TrimSuffix(host, ".")), domain)
}
