package calypso

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/config"
	"github.com/calypso-cdc/calypso/libs/connector/secret"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/capture"
)

// Settings are the flags and environment variables of `calypso up`. All addresses are of this machine only.
type Settings struct {
	Data     string `name:"data" default:".calypso" help:"Directory of all data and logs; made if it is missing. Starting again with it goes on where it stopped."`
	NoOrders bool   `name:"no-orders" help:"Leave the orders use case out: no tables, no connectors, no generator."`

	Native bool `name:"native" help:"Send events as PostgreSQL has them where Debezium invents values or leaves them out: see docs/migration.md. Debezium's bytes otherwise. It counts when the connector is made."`

	Rate float64 `name:"rate" default:"0.3333333333333333" help:"Orders a second, 0.001 to 100000; one in three seconds by default."`

	PostgresURL      string        `name:"pg-url" help:"PostgreSQL to capture from, as postgres://user:password@host:port/database; an embedded one if empty."`
	PostgresPassword config.Secret `name:"pg-password" help:"Password of the embedded PostgreSQL, which listens on this machine only. Without one it lets every local user in. It counts when the data directory is made."`
	Brokers          []string      `name:"brokers" help:"Kafka brokers, as host:port separated by commas; an embedded broker if empty."`

	ExactlyOnce string `name:"exactly-once-source-support" help:"enabled writes events in Kafka transactions; disabled writes without, so that topics hold no transaction markers and a crash can repeat the last batch. By default enabled, but disabled with --no-orders: tools that count offsets expect no markers."`

	Secrets secret.Settings

	ADXURL      string        `name:"adx-url" help:"Azure Data Explorer cluster, as https://<cluster>.<region>.kusto.windows.net, or a localadx elsewhere, as http://<host>:8082; a local one if empty."`
	ADXCAFile   string        `name:"adx-ca-file" help:"File of PEM certificates of authorities to trust besides the system's: the ca.pem of a localadx elsewhere."`
	ADXDatabase string        `name:"adx-database" default:"NetDefaultDB" help:"Database of the table Orders."`
	ADXTenant   string        `name:"adx-tenant" help:"Tenant of the application that ingests into the cluster."`
	ADXAppID    string        `name:"adx-app-id" help:"Id of the application."`
	ADXAppKey   config.Secret `name:"adx-app-key" help:"Secret of the application."`

	FreePorts    bool `name:"free-ports" help:"Take any free port where one of the ports below is taken."`
	PostgresPort int  `name:"pg-port" default:"5432" help:"Embedded PostgreSQL."`
	KafkaPort    int  `name:"kafka-port" default:"9092" help:"Embedded Kafka broker."`
	ADXPort      int  `name:"adx-port" default:"8082" help:"Local Azure Data Explorer: http, web page."`
	ADXTLSPort   int  `name:"adx-tls-port" default:"8443" help:"Local Azure Data Explorer: https."`
	SourcePort   int  `name:"source-port" default:"9090" help:"Kafka Connect API, /v1 and web page; the use case's port of the source side."`
	SinkPort     int  `name:"sink-port" default:"8080" help:"The same once more; the use case's port of the sink side."`
	AdminPort    int  `name:"admin-grpc-port" default:"7070" help:"gRPC of admin."`
	CapturePort  int  `name:"capture-grpc-port" default:"7071" help:"gRPC of capture."`
	SinkGRPCPort int  `name:"sink-grpc-port" default:"7072" help:"gRPC of sink."`
	OrdersPort   int  `name:"orders-grpc-port" default:"7073" help:"gRPC of the orders generator."`
	CaptureHTTP  int  `name:"capture-http-port" default:"8071" help:"Metrics and probes of capture."`
	SinkHTTP     int  `name:"sink-http-port" default:"8072" help:"Metrics and probes of sink."`
	OrdersHTTP   int  `name:"orders-http-port" default:"8073" help:"Metrics and probes of the orders generator."`
}

// Validate returns all errors in the settings, joined.
func (s *Settings) Validate() error {
	var errs []error
	if s.Data == "" {
		errs = append(errs, errors.New("data: a directory is needed"))
	}
	if !slices.Contains([]string{"", "enabled", "disabled"}, s.ExactlyOnce) {
		errs = append(errs, fmt.Errorf("exactly-once-source-support is %q: it must be enabled or disabled", s.ExactlyOnce))
	}
	used := map[int]string{}
	for _, p := range s.ports() {
		switch other, twice := used[*p.port]; {
		case *p.port < 1 || *p.port > 65535:
			errs = append(errs, fmt.Errorf("%s: %d is not a port", p.flag, *p.port))
		case twice:
			errs = append(errs, fmt.Errorf("%s and %s are both %d", other, p.flag, *p.port))
		default:
			used[*p.port] = p.flag
		}
	}
	given := s.ADXTenant != "" || s.ADXAppID != "" || s.ADXAppKey != ""
	missing := s.ADXTenant == "" || s.ADXAppID == "" || s.ADXAppKey == ""
	if s.ADXURL != "" && missing && (given || s.azure() && !s.NoOrders) {
		errs = append(errs, errors.New("adx-url: adx-tenant, adx-app-id and adx-app-key are needed as well"))
	}
	return errors.Join(errs...)
}

// azure reports whether adx-url is a cluster in Azure, which requires credentials.
func (s *Settings) azure() bool {
	endpoints, err := kusto.DeriveEndpoints(s.ADXURL, "")
	return err == nil && !kusto.Loopback(endpoints.Query) && kusto.CheckTrust(endpoints.Query, nil) == nil
}

// delivery returns the delivery guarantee of captures.
func (s *Settings) delivery() capture.Delivery {
	if s.ExactlyOnce == "disabled" || s.ExactlyOnce == "" && s.NoOrders {
		return capture.AtLeastOnce
	}
	return capture.ExactlyOnce
}

// port is one listening port, with the flag that sets it.
type port struct {
	flag string
	port *int
}

// ports returns the ports that these settings use.
func (s *Settings) ports() (all []port) {
	if s.PostgresURL == "" {
		all = append(all, port{"pg-port", &s.PostgresPort})
	}
	if len(s.Brokers) == 0 {
		all = append(all, port{"kafka-port", &s.KafkaPort})
	}
	if s.ADXURL == "" {
		all = append(all, port{"adx-port", &s.ADXPort}, port{"adx-tls-port", &s.ADXTLSPort})
	}
	all = append(all, port{"source-port", &s.SourcePort}, port{"sink-port", &s.SinkPort},
		port{"admin-grpc-port", &s.AdminPort},
		port{"capture-grpc-port", &s.CapturePort}, port{"sink-grpc-port", &s.SinkGRPCPort},
		port{"capture-http-port", &s.CaptureHTTP}, port{"sink-http-port", &s.SinkHTTP})
	if !s.NoOrders {
		all = append(all, port{"orders-grpc-port", &s.OrdersPort}, port{"orders-http-port", &s.OrdersHTTP})
	}
	return all
}

// claimPorts makes sure that all ports are free, or with FreePorts replaces those that are taken.
// Its error names all ports that are taken.
func (s *Settings) claimPorts() error {
	var taken []string
	for _, p := range s.ports() {
		l, err := net.Listen("tcp", local(*p.port))
		if err == nil {
			_ = l.Close()
			continue
		}
		if !s.FreePorts {
			taken = append(taken, fmt.Sprintf("%d (--%s)", *p.port, p.flag))
			continue
		}
		if l, err = net.Listen("tcp", local(0)); err != nil {
			return fmt.Errorf("look for a free port: %w", err)
		}
		*p.port = l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
	}
	if len(taken) > 0 {
		slices.Sort(taken)
		return fmt.Errorf(
			"ports are taken: %s: stop what uses them, set others by these flags, or take any free ones with --free-ports",
			strings.Join(taken, ", "))
	}
	return nil
}

// local returns an address of this machine.
func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
