package ctl

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/config"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/entra"
	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/probe"
)

// probeCommand tries out on the user's own services what Calypso expects of them. It does not need
// admin.
func probeCommand(s *session, version string) *cobra.Command {
	root := &cobra.Command{Use: "probe",
		Short: "Try out on your own services what Calypso expects of them, before there is a connector, and write a report"}
	root.AddCommand(probeADXCommand(s, version), probeKafkaCommand(s, version), probePostgreSQLCommand(s, version))
	return root
}

// adxTarget says which cluster to probe, with which identity.
type adxTarget struct {
	URL       string `name:"url" env:"CALYPSO_ADX_URL" help:"Address of the cluster, as https://<cluster>.<region>.kusto.windows.net."`
	IngestURL string `name:"ingest-url" help:"Address of its data management service; follows from --url for a cluster of Azure."`
	Database  string `name:"database" help:"Database in which the probe makes tables named calypso_probe_…, which it drops at the end."`

	Strategy            string        `name:"auth" default:"APPLICATION" help:"How to authenticate, as aad.auth.strategy of the sink: APPLICATION, MANAGED_IDENTITY, WORKLOAD_IDENTITY, AZ_CLI, AZ_DEV_TOKEN, DEFAULT or NONE."`
	AppID               string        `name:"app-id" env:"AZURE_CLIENT_ID" help:"Id of the application or of the managed identity."`
	Tenant              string        `name:"tenant" env:"AZURE_TENANT_ID" help:"Id of the tenant."`
	AppKey              config.Secret `name:"app-key" env:"AZURE_CLIENT_SECRET" help:"Secret of the application."`
	CertificateFile     string        `name:"certificate" help:"File with the application's certificate and key, in place of a secret."`
	CertificatePassword config.Secret `name:"certificate-password" help:"Password of that file."`
	AccessToken         config.Secret `name:"access-token" help:"Token of AZ_DEV_TOKEN."`
	TrustedHosts        []string      `name:"trusted-hosts" help:"Hosts outside Azure that may be sent credentials, separated by commas."`
	CAFile              string        `name:"ca-file" help:"File of PEM certificates to trust besides the system's."`
	Proxy               string        `name:"proxy" help:"Address of an HTTP proxy to the cluster and its storage, as http://host:port (proxy.host and proxy.port of the sink); HTTPS_PROXY and its like count otherwise."`
}

// Validate says what is missing.
func (t adxTarget) Validate() error {
	if t.URL == "" || t.Database == "" {
		return errors.New("--url and --database are needed")
	}
	return nil
}

func probeADXCommand(s *session, version string) *cobra.Command {
	var t adxTarget
	return probeCommandOf(s, "adx",
		"Try out how a cluster of Azure Data Explorer treats repeated blobs, streaming after a change of columns, materialized views and unusual names; the identity should be that of the sink, with the role Database Admin for the time of the probe", &t,
		func(ctx context.Context, told func(probe.Finding)) (*probe.Report, error) {
			endpoints, err := kusto.DeriveEndpoints(t.URL, t.IngestURL)
			if err != nil {
				return nil, err
			}
			client, err := kusto.New(kusto.Config{
				Endpoints: endpoints, TrustedHosts: t.TrustedHosts, CAFile: t.CAFile, Proxy: t.Proxy, Application: "calypso-probe",
				Auth: kusto.Auth{
					Strategy: kusto.Strategy(strings.ToUpper(t.Strategy)), AppID: t.AppID, Authority: t.Tenant,
					AppKey:          t.AppKey.Reveal(),
					CertificateFile: t.CertificateFile, CertificatePassword: t.CertificatePassword.Reveal(),
					AccessToken: t.AccessToken.Reveal(),
				},
			})
			if err != nil {
				return nil, err
			}
			defer client.Close()
			return probe.ADX(ctx, client, t.Database, probe.Options{Version: version, Told: told,
				Secrets: secrets([]string{t.URL, t.IngestURL, t.Proxy}, t.AppKey, t.CertificatePassword, t.AccessToken)}), nil
		})
}

// kafkaTarget says which brokers to probe, as a worker's settings do.
type kafkaTarget struct {
	Kafka  kafka.Config
	Topics []string `name:"compacted-topics" default:"calypso-configs,calypso-status,calypso-offsets,calypso-schemas" help:"Topics that workers keep their state in, separated by commas, to look at their cleanup.policy."`
}

func probeKafkaCommand(s *session, version string) *cobra.Command {
	var t kafkaTarget
	return probeCommandOf(s, "kafka",
		"Try out which compression, sizes, commits and transactions the brokers accept, and check how the workers' topics are cleaned up; the settings are those of a worker", &t,
		func(ctx context.Context, told func(probe.Finding)) (*probe.Report, error) {
			base, err := t.Kafka.Options("calypso-probe", nil)
			if err != nil {
				return nil, err
			}
			return probe.Kafka{
				Target: strings.Join(t.Kafka.Brokers, ", "), Compacted: t.Topics,
				TransactionalPrefix: connector.TransactionalID(""),
				Connect: func(more ...kgo.Opt) (*kgo.Client, error) {
					return kgo.NewClient(slices.Concat(base, more)...)
				},
			}.Probe(ctx, probe.Options{Version: version, Told: told,
				Secrets: secrets(t.Kafka.Brokers, t.Kafka.Password, t.Kafka.ClientSecret)})
		})
}

// postgresTarget says which server to probe, with which role. The variables are those of libpq.
type postgresTarget struct {
	Host        string        `name:"host" env:"PGHOST" help:"Host of the server, as database.hostname."`
	Port        int32         `name:"port" env:"PGPORT" default:"5432" help:"Its port."`
	Database    string        `name:"database" env:"PGDATABASE" default:"postgres" help:"Database to be captured."`
	User        string        `name:"user" env:"PGUSER" default:"postgres" help:"Role to connect as, that of the source connector."`
	Password    config.Secret `name:"password" env:"PGPASSWORD" help:"Its password."`
	Entra       bool          `name:"entra" help:"Take access tokens of Microsoft Entra ID as password, as database.connection.factory.class=entra does."`
	SSLMode     string        `name:"sslmode" env:"PGSSLMODE" default:"prefer" help:"disable, allow, prefer, require, verify-ca or verify-full."`
	SSLRootCert string        `name:"sslrootcert" env:"PGSSLROOTCERT" help:"File of PEM certificates that sign the server's."`
	SSLCert     string        `name:"sslcert" env:"PGSSLCERT" help:"File of this client's certificate."`
	SSLKey      string        `name:"sslkey" env:"PGSSLKEY" help:"File of its key."`
}

// Validate says what is missing.
func (t postgresTarget) Validate() error {
	if t.Host == "" {
		return errors.New("--host is needed")
	}
	if t.Port < 1 || t.Port > math.MaxUint16 {
		return fmt.Errorf("--port: %d is not a port", t.Port)
	}
	return nil
}

func probePostgreSQLCommand(s *session, version string) *cobra.Command {
	var t postgresTarget
	return probeCommandOf(s, "postgres",
		"Try out whether there is a pooler in front of a PostgreSQL server, and whether the role may replicate, use each output plugin, have slots that standbys keep and create publications", &t,
		func(ctx context.Context, told func(probe.Finding)) (*probe.Report, error) {
			target := pgrepl.Config{
				Host: t.Host, Port: uint16(t.Port), User: t.User, Password: t.Password.Reveal(), Database: t.Database,
				SSLMode: t.SSLMode, SSLRootCert: t.SSLRootCert, SSLCert: t.SSLCert, SSLKey: t.SSLKey,
				ApplicationName: "calypso-probe",
			}
			if t.Entra {
				target.Token = entra.For(entra.PostgresScope(target.Hosts()...), target.Hosts()...)
			}
			return probe.PostgreSQL(ctx, target, probe.Options{Version: version, Told: told,
				Secrets: secrets([]string{t.Host}, t.Password)}), nil
		})
}

// secrets returns what a report must not contain: the secrets that are given, and those within
// addresses, such as in a URI that was meant for another tool.
func secrets(addresses []string, given ...config.Secret) (all []string) {
	for _, secret := range given {
		all = append(all, secret.Reveal())
	}
	for _, address := range addresses {
		all = append(all, catalogue.SecretsWithin(address)...)
	}
	return all
}

// probeCommandOf makes the command that probes one service. settings is a pointer to a struct with
// the tags of package config.
func probeCommandOf(s *session, name, short string, settings any,
	run func(context.Context, func(probe.Finding)) (*probe.Report, error)) *cobra.Command {
	var path string
	cmd := &cobra.Command{Use: name, Short: short, Args: exactly(0)}
	load := settingsOf(cmd, settings)
	cmd.Flags().StringVar(&path, "report", "",
		"also write the findings to this file, as JSON if its name ends with .json, else as Markdown. It names the service's address, tables and roles, and contains no secrets")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := load(); err != nil {
			return fmt.Errorf("%w: %w", errUsage, err)
		}
		var file *os.File
		if path != "" { // before the probe, which takes its time
			var err error
			if file, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600); err != nil {
				return fmt.Errorf("%w: --report: %w", errUsage, err)
			}
			defer file.Close()
		}
		report, err := run(cmd.Context(), func(f probe.Finding) { showFinding(s, f) })
		if err != nil {
			return fmt.Errorf("%w: %w", errUsage, err)
		}
		return conclude(s, report, file)
	}
	return cmd
}

// settingsOf gives a command the flags of settings. It returns a function that fills the settings
// once the command line is parsed.
func settingsOf(cmd *cobra.Command, settings any) (load func() error) {
	flags := cmd.Flags()
	names := map[string]bool{}
	for _, f := range config.Flags(settings) {
		names[f.Name] = true
		help := fmt.Sprintf("%s (%s)", strings.TrimSuffix(f.Help, "."), strings.Join(f.Variables, ", "))
		if f.Alone {
			flags.Bool(f.Name, false, help)
		} else {
			flags.String(f.Name, f.Default, help)
		}
	}
	return func() error {
		var args []string
		for name := range names {
			if f := flags.Lookup(name); f.Changed {
				args = append(args, "--"+name+"="+f.Value.String())
			}
		}
		_, err := config.Program{Name: cmd.CommandPath()}.Load(settings, args)
		return err
	}
}

func showFinding(s *session, f probe.Finding) {
	if s.output == "json" {
		return
	}
	t := newTable(s.out)
	t.row(strings.ToUpper(string(f.Verdict)), f.Name)
	t.wrapped("  expected", f.Expected)
	t.wrapped("  seen", f.Seen)
	t.wrapped("  follows", f.Follows)
	t.row()
	_ = t.flush() // a terminal that is gone must not end the probe, which has to remove what it made
}

// conclude prints and writes the report. Its error determines the exit status: something is not as
// expected, or nothing could be tried.
func conclude(s *session, r *probe.Report, file *os.File) error {
	text, err := r.JSON()
	if err != nil {
		return err
	}
	if s.output == "json" {
		if _, err := s.out.Write(text); err != nil {
			return err
		}
	} else {
		for _, l := range r.Left {
			fmt.Fprintf(s.out, "LEFT BEHIND: %s\n", l)
		}
	}
	if file != nil {
		if !strings.EqualFold(filepath.Ext(file.Name()), ".json") {
			text = r.Markdown()
		}
		_, err := file.Write(text)
		if err := errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	switch other, untried := r.Count(probe.Otherwise), r.Count(probe.Untried); {
	case untried == len(r.Findings):
		return fmt.Errorf("%w: nothing could be tried out", errUnsure)
	case other > 0:
		return fmt.Errorf("%w: %d of %d findings are not what Calypso expects", errDifferent, other, len(r.Findings))
	}
	return nil
}
