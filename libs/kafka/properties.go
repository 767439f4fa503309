package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/config"
	"github.com/calypso-cdc/calypso/libs/egress"
)

// connecting are the properties that say how to connect, producer those of a producer.
var (
	connecting = []string{"bootstrap.servers", "client.id", "security.protocol", "sasl.mechanism", "sasl.jaas.config",
		"ssl.endpoint.identification.algorithm",
		"ssl.truststore.type", "ssl.truststore.location", "ssl.truststore.certificates", "ssl.keystore.type",
		"ssl.keystore.location", "ssl.keystore.certificate.chain", "ssl.keystore.key"}
	producer = []string{"compression.type", "linger.ms", "max.request.size"}
)

// Properties returns the names of the properties that FromProperties reads.
func Properties() []string { return slices.Concat(connecting, producer) }

// PropertyError is an error in a property; its message names the property.
type PropertyError struct{ Name, Message string }

func (e *PropertyError) Error() string { return e.Message }

func wrong(name, format string, args ...any) error {
	return &PropertyError{name, fmt.Errorf(format, args...).Error()}
}

// FromProperties turns the properties of a Java client, by the names of Kafka's documentation, into
// options: bootstrap.servers, client.id, security.protocol, sasl.mechanism and sasl.jaas.config
// (PLAIN and SCRAM), ssl.truststore and ssl.keystore in PEM, compression.type, linger.ms and
// max.request.size. ignored names those that have no counterpart here, sorted; one that would
// change what a connection trusts or proves is an error instead. Errors in properties are
// PropertyErrors; none shows a secret. Package egress limits all connections, also those to brokers
// that the first ones name.
func FromProperties(properties map[string]string) (options []kgo.Opt, ignored []string, err error) {
	c := Config{Brokers: list(properties["bootstrap.servers"])}
	if len(c.Brokers) == 0 {
		return nil, nil, wrong("bootstrap.servers", "bootstrap.servers: at least one broker is needed")
	}
	secured, authenticated := false, false
	switch protocol := strings.ToUpper(strings.TrimSpace(properties["security.protocol"])); protocol {
	case "", "PLAINTEXT":
	case "SSL":
		secured = true
	case "SASL_PLAINTEXT":
		authenticated = true
	case "SASL_SSL":
		secured, authenticated = true, true
	default:
		return nil, nil, wrong("security.protocol",
			"security.protocol: %q is not one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL", protocol)
	}
	if authenticated {
		if err := c.authenticate(properties); err != nil {
			return nil, nil, err
		}
	}
	clientID := properties["client.id"]
	if clientID == "" {
		clientID = "calypso"
	}
	if options, err = c.Options(clientID, nil); err != nil {
		return nil, nil, err
	}
	var settings *tls.Config
	if secured {
		if settings, err = tlsOf(properties); err != nil {
			return nil, nil, err
		}
	}
	options = append(options, kgo.Dialer(dialer(settings, egress.Control)))
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		option, known, err := producing(name, strings.TrimSpace(properties[name]))
		if err != nil {
			return nil, nil, wrong(name, "%s: %w", name, err)
		}
		if option != nil {
			options = append(options, option)
		}
		if !known {
			ignored = append(ignored, name)
		}
	}
	return append(options, expected(c.Brokers).Options()...), ignored, nil
}

func list(text string) []string {
	var out []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}

// jaasOption is one option of a login module: username="u".
var jaasOption = regexp.MustCompile(`(\w+)\s*=\s*"((?:[^"\\]|\\.)*)"`)

func (c *Config) authenticate(properties map[string]string) error {
	c.Mechanism = strings.ToUpper(strings.TrimSpace(properties["sasl.mechanism"]))
	switch c.Mechanism {
	case mechanismPlain, mechanismSCRAM256, mechanismSCRAM512:
	default:
		return wrong("sasl.mechanism", "sasl.mechanism: %q is not one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512", c.Mechanism)
	}
	for _, m := range jaasOption.FindAllStringSubmatch(properties["sasl.jaas.config"], -1) {
		value := strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(m[2])
		switch m[1] {
		case "username":
			c.Username = value
		case "password":
			c.Password = config.Secret(value)
		}
	}
	if c.Username == "" || c.Password == "" {
		return wrong("sasl.jaas.config", `sasl.jaas.config: %s needs username="…" and password="…"`, c.Mechanism)
	}
	return nil
}

func tlsOf(properties map[string]string) (*tls.Config, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if name, set := properties["ssl.endpoint.identification.algorithm"]; set && !strings.EqualFold(name, "https") {
		return nil, wrong("ssl.endpoint.identification.algorithm",
			"ssl.endpoint.identification.algorithm: the names in brokers' certificates are always checked; leave it out")
	}
	trusted, err := pem(properties, "ssl.truststore", "ssl.truststore.certificates")
	if err != nil {
		return nil, err
	}
	if trusted != "" {
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM([]byte(trusted)) {
			return nil, wrong("ssl.truststore.location", "ssl.truststore holds no PEM certificate")
		}
	}
	chain, err := pem(properties, "ssl.keystore", "ssl.keystore.certificate.chain")
	if err != nil {
		return nil, err
	}
	if chain != "" {
		key := properties["ssl.keystore.key"]
		if key == "" {
			key = chain // one file may hold both
		}
		certificate, err := tls.X509KeyPair([]byte(chain), []byte(key))
		if err != nil {
			return nil, wrong("ssl.keystore.location", "ssl.keystore: %w", err)
		}
		settings.Certificates = []tls.Certificate{certificate}
	}
	return settings, nil
}

// pem returns a store in PEM: its inline text, or its file.
func pem(properties map[string]string, store, inline string) (string, error) {
	if text := properties[inline]; text != "" {
		return text, nil
	}
	file := properties[store+".location"]
	if file == "" {
		return "", nil
	}
	if kind := properties[store+".type"]; !strings.EqualFold(kind, "PEM") {
		return "", wrong(store+".type",
			"%s.type: only PEM can be read; export the certificates of %s (keytool -exportcert -rfc, openssl pkcs12) and set PEM", store, file)
	}
	text, err := config.ReadFile(file)
	if err != nil {
		return "", wrong(store+".location", "%s.location: %w", store, err)
	}
	return string(text), nil
}

// Bounds of the client library for a producer's properties: a longer time becomes the longest,
// another size the nearest.
const (
	longestLinger = time.Minute
	leastBatch    = 512
	// mostRequest is the library's own limit of a request, and that of brokers (socket.request.max.bytes) by default.
	mostRequest = 100 << 20
)

// producing turns a producer's property into an option; known is false for one without counterpart.
func producing(name, value string) (option kgo.Opt, known bool, err error) {
	number := func() int64 {
		var n int64
		if n, err = strconv.ParseInt(value, 10, 64); err == nil && (n < 0 || n > math.MaxInt32) {
			err = fmt.Errorf("%d is not from 0 to %d", n, math.MaxInt32)
		}
		return n
	}
	switch name {
	case "compression.type":
		codecs := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
			"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
		codec, ok := codecs[value]
		if !ok {
			return nil, true, fmt.Errorf("%q is not none, gzip, snappy, lz4 or zstd", value)
		}
		return kgo.ProducerBatchCompression(codec), true, nil
	case "linger.ms":
		return kgo.ProducerLinger(min(time.Duration(number())*time.Millisecond, longestLinger)), true, err
	case "max.request.size":
		return kgo.ProducerBatchMaxBytes(int32(min(max(number(), leastBatch), mostRequest-batchOverhead))), true, err
	}
	return nil, slices.Contains(connecting, name), nil
}
