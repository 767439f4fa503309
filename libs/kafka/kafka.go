package kafka

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/calypso-cdc/calypso/libs/config"
	"github.com/calypso-cdc/calypso/libs/entra"
)

// Config is the section for Kafka in a service's settings.
type Config struct {
	Brokers []string `name:"bootstrap-servers" env:"BOOTSTRAP_SERVERS,KAFKA_BOOTSTRAP_SERVERS" default:"localhost:9092" help:"Kafka brokers to begin with, as host:port, separated by commas."`

	TLS        bool   `name:"kafka-tls" help:"Whether to connect with TLS."`
	CAFile     string `name:"kafka-tls-ca" help:"File of PEM certificates that sign the brokers' ones; the system's if empty. Implies TLS."`
	CertFile   string `name:"kafka-tls-cert" help:"File of this client's PEM certificate, for brokers that ask for one. Implies TLS."`
	KeyFile    string `name:"kafka-tls-key" help:"File of the PEM key of the client's certificate."`
	ServerName string `name:"kafka-tls-server-name" help:"Name that the brokers' certificates must hold, if it is not the one connected to."`

	Mechanism string        `name:"kafka-sasl-mechanism" help:"How to authenticate: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER; not at all if empty. Event Hubs: PLAIN with user $ConnectionString and the connection string as password."`
	Username  string        `name:"kafka-sasl-username" help:"User for PLAIN and SCRAM."`
	Password  config.Secret `name:"kafka-sasl-password" help:"Password for PLAIN and SCRAM."`

	Entra        bool          `name:"kafka-oauth-entra" help:"OAUTHBEARER: take tokens of Microsoft Entra by the identity of this process: the environment's service principal, the pod's workload identity, the machine's managed identity or the Azure CLI's. For Event Hubs."`
	TokenFile    string        `name:"kafka-oauth-token-file" help:"OAUTHBEARER: file that holds the token; read again for every connection, so that it may be replaced. Else the client credentials below are exchanged for tokens."`
	TokenURL     string        `name:"kafka-oauth-token-url" help:"OAUTHBEARER: https address of the token endpoint."`
	ClientID     string        `name:"kafka-oauth-client-id" help:"OAUTHBEARER: id of the client."`
	ClientSecret config.Secret `name:"kafka-oauth-client-secret" help:"OAUTHBEARER: secret of the client."`
	Scope        string        `name:"kafka-oauth-scope" help:"OAUTHBEARER: scope of the token, such as https://<namespace>.servicebus.windows.net/.default; with kafka-oauth-entra by default that of the first broker."`
	Extensions   []string      `name:"kafka-oauth-extensions" help:"OAUTHBEARER: SASL extensions as name=value, separated by commas. Confluent Cloud needs logicalCluster=<lkc-…> and identityPoolId=<pool-…>."`
}

// The mechanisms of SASL.
const (
	mechanismPlain       = "PLAIN"
	mechanismSCRAM256    = "SCRAM-SHA-256"
	mechanismSCRAM512    = "SCRAM-SHA-512"
	mechanismOAuthBearer = "OAUTHBEARER"
)

// dialTimeout bounds one attempt to connect to a broker.
const dialTimeout = 10 * time.Second

// Validate returns all errors, joined.
func (c Config) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if len(c.Brokers) == 0 {
		fault("bootstrap-servers: at least one broker is needed")
	}
	for _, broker := range c.Brokers {
		if _, port, err := net.SplitHostPort(broker); err != nil || port == "" {
			fault("bootstrap-servers: %q is not host:port", broker)
		}
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		fault("kafka-tls-cert and kafka-tls-key must be set together")
	}
	switch c.Mechanism {
	case "":
		if c.Username != "" || c.Password != "" {
			fault("kafka-sasl-mechanism: a user or password is set, but no mechanism")
		}
	case mechanismPlain, mechanismSCRAM256, mechanismSCRAM512:
		if c.Username == "" || c.Password == "" {
			fault("kafka-sasl-mechanism: %s needs kafka-sasl-username and kafka-sasl-password", c.Mechanism)
		}
	case mechanismOAuthBearer:
		switch {
		case c.Entra && (c.TokenFile != "" || c.TokenURL != ""):
			fault("kafka-oauth-entra: leave out kafka-oauth-token-file and kafka-oauth-token-url, or this")
		case c.Entra, c.TokenFile != "":
		case c.TokenURL == "" || c.ClientID == "" || c.ClientSecret == "":
			fault(
				"kafka-sasl-mechanism: OAUTHBEARER needs kafka-oauth-entra, kafka-oauth-token-file, or kafka-oauth-token-url, kafka-oauth-client-id and kafka-oauth-client-secret")
		case !strings.HasPrefix(c.TokenURL, "https://"):
			fault("kafka-oauth-token-url: %q is not an https address; the client's secret would be sent in clear", c.TokenURL)
		}
		for _, extension := range c.Extensions {
			if name, value, ok := strings.Cut(extension, "="); !ok || name == "" || value == "" {
				fault("kafka-oauth-extensions: %q is not name=value", extension)
			}
		}
	default:
		fault("kafka-sasl-mechanism: %q is not one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER", c.Mechanism)
	}
	return errors.Join(faults...)
}

// Options returns the options with which every client of a service connects. clientID appears in
// the brokers' logs; logger gets the client's own messages, which a nil one drops.
func (c Config) Options(clientID string, logger *slog.Logger) ([]kgo.Opt, error) {
	options := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID(clientID),
		// Event Hubs closes connections that are idle for 240 s.
		kgo.ConnIdleTimeout(180 * time.Second),
	}
	if logger != nil {
		options = append(options, kgo.WithLogger(clientLog(logger)))
	}
	var settings *tls.Config
	if c.TLS || c.CAFile != "" || c.CertFile != "" {
		var err error
		if settings, err = c.tls(); err != nil {
			return nil, err
		}
	}
	options = append(options, kgo.Dialer(dialer(settings, nil)))
	if mechanism := c.sasl(); mechanism != nil {
		options = append(options, kgo.SASL(mechanism))
	}
	return options, nil
}

func (c Config) tls() (*tls.Config, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName}
	if c.CAFile != "" {
		certificates, err := config.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("kafka-tls-ca: %w", err)
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(certificates) {
			return nil, fmt.Errorf("kafka-tls-ca: %s holds no PEM certificate", c.CAFile)
		}
	}
	if c.CertFile != "" {
		if _, err := config.ReadKeyPair(c.CertFile, c.KeyFile); err != nil {
			return nil, fmt.Errorf("kafka-tls-cert and kafka-tls-key: %w", err)
		}
		// Read for every connection, so that a certificate can be renewed while the service runs.
		settings.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			certificate, err := config.ReadKeyPair(c.CertFile, c.KeyFile)
			if err != nil {
				return nil, fmt.Errorf("kafka-tls-cert and kafka-tls-key: %w", err)
			}
			return &certificate, nil
		}
	}
	return settings, nil
}

func (c Config) sasl() sasl.Mechanism {
	switch c.Mechanism {
	case mechanismPlain:
		return plain.Auth{User: c.Username, Pass: c.Password.Reveal()}.AsMechanism()
	case mechanismSCRAM256:
		return scram.Auth{User: c.Username, Pass: c.Password.Reveal()}.AsSha256Mechanism()
	case mechanismSCRAM512:
		return scram.Auth{User: c.Username, Pass: c.Password.Reveal()}.AsSha512Mechanism()
	case mechanismOAuthBearer:
		token, extensions := c.tokens(), c.extensions()
		return oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
			t, err := token(ctx)
			return oauth.Auth{Token: t, Extensions: extensions}, err
		})
	}
	return nil
}

// tokens returns the source of OAUTHBEARER's tokens.
func (c Config) tokens() func(context.Context) (string, error) {
	switch {
	case c.Entra:
		host, _, _ := net.SplitHostPort(c.Brokers[0]) // Validate has checked it
		return entra.For(cmp.Or(c.Scope, entra.EventHubsScope(host)), host)
	case c.TokenFile != "":
		return func(context.Context) (string, error) {
			token, err := config.ReadFile(c.TokenFile)
			if err != nil {
				return "", fmt.Errorf("kafka-oauth-token-file: %w", err)
			}
			return strings.TrimSpace(string(token)), nil
		}
	}
	return newTokenSource(c, time.Now).token
}

func (c Config) extensions() map[string]string {
	extensions := map[string]string{}
	for _, extension := range c.Extensions {
		if name, value, ok := strings.Cut(extension, "="); ok {
			extensions[name] = value
		}
	}
	return extensions
}
