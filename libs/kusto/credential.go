package kusto

import (
	"context"
	"net/http"
	"sync"

	"github.com/Azure/azure-kusto-go/azkustodata"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// watchedCredential is a credential that reads a file repeatedly and without limits. It checks the
// file before each token, since a file that was replaced by a pipe would keep everything that needs
// the token waiting for ever.
type watchedCredential struct {
	check func() error
	open  func(azcore.ClientOptions) (azcore.TokenCredential, error)
	// cluster is asked which authority issues tokens for it; http is used for both.
	cluster string
	http    *http.Client

	mu sync.Mutex
	// opened is guarded by mu; nil until it is first needed.
	opened azcore.TokenCredential
}

// GetToken implements azcore.TokenCredential.
func (c *watchedCredential) GetToken(ctx context.Context,
	options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if err := c.check(); err != nil {
		return azcore.AccessToken{}, err
	}
	credential, err := c.credential()
	if err != nil {
		return azcore.AccessToken{}, err
	}
	return credential.GetToken(ctx, options)
}

func (c *watchedCredential) credential() (azcore.TokenCredential, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.opened != nil {
		return c.opened, nil
	}
	info, err := azkustodata.GetMetadata(c.cluster, c.http) // the SDK has asked and trusts it by now
	if err != nil {
		return nil, err
	}
	c.opened, err = c.open(azcore.ClientOptions{Transport: c.http,
		Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: info.LoginEndpoint}})
	if err != nil {
		c.opened = nil
	}
	return c.opened, err
}
