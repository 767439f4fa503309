package kusto

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/Azure/azure-kusto-go/azkustodata"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/calypso-cdc/calypso/libs/config"
	"github.com/calypso-cdc/calypso/libs/entra"
)

// Strategy is how a client proves who it is.
type Strategy string

const (
	// NoAuth sends no credentials, for a local server or the emulator.
	NoAuth Strategy = "NONE"
	// Application is an Entra application with a secret or a certificate.
	Application Strategy = "APPLICATION"
	// ManagedIdentity is the machine's identity: user-assigned if an id is given, else system-assigned.
	ManagedIdentity Strategy = "MANAGED_IDENTITY"
	// WorkloadIdentity is a Kubernetes service account federated with Entra.
	WorkloadIdentity Strategy = "WORKLOAD_IDENTITY"
	// AzureCLI is the account of `az login`.
	AzureCLI Strategy = "AZ_CLI"
	// Token is a given bearer token, which is not renewed.
	Token Strategy = "AZ_DEV_TOKEN"
	// DefaultCredential tries environment, workload identity, managed identity and the CLI in turn.
	DefaultCredential Strategy = "DEFAULT"
)

// Strategies lists every strategy.
func Strategies() []Strategy {
	return []Strategy{Application, ManagedIdentity, WorkloadIdentity, AzureCLI, Token, DefaultCredential, NoAuth}
}

// Auth is how a client authenticates. Its secrets never appear in errors or logs.
type Auth struct {
	Strategy Strategy
	// AppID is the application's or the user-assigned identity's client id; "system" or empty is
	// the system-assigned identity.
	AppID string
	// AppKey is the application's secret.
	AppKey string
	// Authority is the tenant's id.
	Authority string
	// CertificateFile is a PEM or PKCS#12 file with the application's certificate and key, instead of AppKey.
	CertificateFile     string
	CertificatePassword string
	// AccessToken is the token of strategy Token.
	AccessToken string
	// TokenFile is the service account token of strategy WorkloadIdentity; empty reads AZURE_FEDERATED_TOKEN_FILE.
	TokenFile string
}

// Validate returns an error that names what a strategy lacks.
func (a Auth) Validate() error {
	missing := func(keys ...string) error {
		return fmt.Errorf("aad.auth.strategy %s needs %s", strings.ToLower(string(a.Strategy)), strings.Join(keys, ", "))
	}
	switch a.Strategy {
	case Application:
		if a.AppID == "" || a.Authority == "" {
			return missing("aad.auth.appid", "aad.auth.authority", "and aad.auth.appkey or aad.auth.certificate.file")
		}
		if a.AppKey == "" && a.CertificateFile == "" {
			return missing("aad.auth.appkey or aad.auth.certificate.file")
		}
	case Token:
		if a.AccessToken == "" {
			return missing("aad.auth.accesstoken")
		}
	case ManagedIdentity, WorkloadIdentity, AzureCLI, DefaultCredential, NoAuth:
	default:
		return fmt.Errorf("aad.auth.strategy %q is unknown: take one of %s", a.Strategy, Strategies())
	}
	return nil
}

func (a Auth) connection(endpoint string, hc *http.Client) (*azkustodata.ConnectionStringBuilder, error) {
	if err := a.Validate(); err != nil {
		return nil, err
	}
	k := azkustodata.NewConnectionStringBuilder(endpoint)
	switch a.Strategy {
	case Application:
		if a.CertificateFile != "" {
			certificate, err := config.ReadFile(a.CertificateFile)
			if err == nil && len(certificate) == 0 {
				err = fmt.Errorf("%s is empty", a.CertificateFile)
			}
			if err != nil {
				return nil, fmt.Errorf("aad.auth.certificate.file: %w", err)
			}
			return k.WithAppCertificateBytes(a.AppID, certificate, []byte(a.CertificatePassword), true, a.Authority), nil
		}
		return k.WithAadAppKey(a.AppID, a.AppKey, a.Authority), nil
	case ManagedIdentity:
		if a.AppID == "" || strings.EqualFold(a.AppID, "system") {
			return k.WithSystemManagedIdentity(), nil
		}
		return k.WithUserAssignedIdentityClientId(a.AppID), nil
	case WorkloadIdentity:
		return a.watched(k, hc, a.checkTokenFile, func(options azcore.ClientOptions) (azcore.TokenCredential, error) {
			return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
				ClientOptions: options, ClientID: a.AppID, TenantID: a.Authority, TokenFilePath: a.TokenFile})
		})
	case AzureCLI:
		return k.WithAzCli(), nil
	case Token:
		return k.WithApplicationToken(a.AppID, a.AccessToken), nil
	case DefaultCredential:
		return a.watched(k, hc, entra.CheckFiles, func(options azcore.ClientOptions) (azcore.TokenCredential, error) {
			return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: options})
		})
	}
	return k, nil
}

// watched makes a connection with a credential whose files are checked now and before each token.
func (Auth) watched(k *azkustodata.ConnectionStringBuilder, hc *http.Client, check func() error,
	open func(azcore.ClientOptions) (azcore.TokenCredential, error)) (*azkustodata.ConnectionStringBuilder, error) {
	if err := check(); err != nil {
		return nil, err
	}
	return k.WithTokenCredential(&watchedCredential{check: check, open: open, cluster: k.DataSource, http: hc}), nil
}

func (a Auth) checkTokenFile() error {
	file := cmp.Or(a.TokenFile, os.Getenv("AZURE_FEDERATED_TOKEN_FILE"))
	if file == "" {
		return nil
	}
	if _, err := config.ReadFile(file); err != nil {
		return fmt.Errorf("aad.auth.token.file: %w", err)
	}
	return nil
}
