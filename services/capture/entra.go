package capture

import (
	"context"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// entraScope is the scope of tokens for Azure Database for PostgreSQL (Microsoft's manual, "Use Microsoft Entra ID for
// authentication with Azure Database for PostgreSQL").
const entraScope = "https://ossrdbms-aad.database.windows.net/.default"

// entraToken makes passwords from the credential that the worker runs with: environment, workload identity, managed
// identity or the Azure CLI.
func entraToken() func(context.Context) (string, error) {
	return tokenFrom(func() (azcore.TokenCredential, error) { return azidentity.NewDefaultAzureCredential(nil) })
}

// tokenFrom makes passwords from a credential, which caches tokens and renews them before they expire: each new connection
// has one that is valid.
func tokenFrom(open func() (azcore.TokenCredential, error)) func(context.Context) (string, error) {
	credential := sync.OnceValues(open)
	return func(ctx context.Context) (string, error) {
		c, err := credential()
		if err != nil {
			return "", err
		}
		t, err := c.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{entraScope}})
		return t.Token, err
	}
}
