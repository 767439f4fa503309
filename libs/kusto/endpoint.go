package kusto

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

// Endpoints are the two addresses of a cluster. They are equal if one server serves both.
type Endpoints struct {
	// Query is the engine: queries, management commands, streaming ingestion.
	Query string
	// Ingest is the data management service: ingestion resources and the identity token.
	Ingest string
}

const ingestPrefix = "ingest-"

// azureSuffixes are the DNS suffixes of Azure's clusters, whose data management service has the
// engine's name with the prefix "ingest-". The list is that of the SDKs' well-known Kusto
// endpoints, sovereign clouds and Fabric included.
func azureSuffixes() []string {
	return []string{
		".kusto.windows.net", ".kustomfa.windows.net", ".kustodev.windows.net",
		".kusto.azuresynapse.net", ".kusto.data.microsoft.com", ".kusto.fabric.microsoft.com",
		".kusto.chinacloudapi.cn", ".kustomfa.chinacloudapi.cn", ".kusto.azuresynapse.azure.cn",
		".kusto.usgovcloudapi.net", ".kustomfa.usgovcloudapi.net",
		".kusto.core.eaglex.ic.gov", ".kustomfa.core.eaglex.ic.gov",
		".kusto.core.microsoft.scloud", ".kustomfa.core.microsoft.scloud",
		".kusto.sovcloud-api.de", ".kusto.sovcloud-api.fr", ".kusto.sovcloud-api.sg",
	}
}

// DeriveEndpoints makes both addresses from those given, one of which may be empty. An Azure
// cluster's engine and ingestion names follow from each other; any other server is assumed to serve
// both at one address.
func DeriveEndpoints(query, ingest string) (Endpoints, error) {
	if query == "" && ingest == "" {
		return Endpoints{},
			fmt.Errorf(
				"no address of a cluster: give kusto.ingestion.url (https://ingest-<cluster>.<region>.kusto.windows.net) or kusto.query.url (https://<cluster>.<region>.kusto.windows.net)")
	}
	var e Endpoints
	for _, given := range []struct {
		raw    string
		into   *string
		prefix bool
	}{{query, &e.Query, false}, {ingest, &e.Ingest, true}} {
		raw := given.raw
		if raw == "" {
			raw = query + ingest // exactly one of them is empty here
		}
		u, err := parseEndpoint(raw)
		if err != nil {
			return Endpoints{}, err
		}
		*given.into = correct(u, given.prefix)
	}
	return e, nil
}

// federated ends addresses that were taken from connection strings; the SDKs for Java and Python
// leave it out.
var federated = regexp.MustCompile(`(?i)/?;fed=true$`)

// parseEndpoint reads an address. No error repeats what may be a secret.
func parseEndpoint(raw string) (*url.URL, error) {
	raw = federated.ReplaceAllString(raw, "")
	shown := raw
	if end := strings.IndexAny(raw, "?#;@"); end >= 0 {
		shown = raw[:end] + "…"
	}
	switch {
	case strings.Contains(raw, ";"):
		return nil, fmt.Errorf("cluster address %q is a connection string: give the address alone, "+
			"https://<cluster>.<region>.kusto.windows.net, and credentials in the aad.auth keys", shown)
	case strings.ContainsFunc(raw, unicode.IsSpace):
		return nil, fmt.Errorf("cluster address %q has a blank in it", shown)
	}
	if !strings.Contains(raw, "://") {
		raw = "https://" + raw
	}
	u, err := url.Parse(raw)
	if err != nil {
		var wrong *url.Error
		if errors.As(err, &wrong) { // it repeats the address
			err = wrong.Err
		}
		return nil, fmt.Errorf("cluster address %q: %w", shown, err)
	}
	if u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("cluster address %q: the scheme must be https, or http for a local server", shown)
	}
	if u.Hostname() == "" {
		return nil, fmt.Errorf("cluster address %q has no host name", shown)
	}
	if u.User != nil {
		return nil, fmt.Errorf("cluster address with host %s carries a user name: give credentials in the aad.auth keys",
			u.Host)
	}
	return u, nil
}

// correct returns the engine's (ingest false) or the data management service's (ingest true)
// address of an Azure cluster, and any other server's. Like Azure's sink, it leaves out what follows
// the host: a database, parameters.
func correct(u *url.URL, ingest bool) string {
	host := strings.ToLower(u.Host)
	if hasAzureSuffix(u.Hostname()) {
		host = strings.TrimPrefix(host, ingestPrefix)
		if ingest {
			host = ingestPrefix + host
		}
	}
	return u.Scheme + "://" + host
}

func hasAzureSuffix(host string) bool {
	host = strings.ToLower(host)
	for _, suffix := range azureSuffixes() {
		if strings.HasSuffix(host, suffix) {
			return true
		}
	}
	return false
}

// Loopback reports whether the address names this machine.
func Loopback(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	host := strings.ToLower(u.Hostname())
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
