package kafka_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

func TestWhoTakesConnectionsAndDoesNotAnswerIsNamed(t *testing.T) {
	silent := httptest.NewServer(http.NotFoundHandler()) // Go's server waits for the end of a line
	t.Cleanup(silent.Close)
	reach := &kafka.Reach{}
	client, err := kgo.NewClient(kgo.SeedBrokers(silent.Listener.Addr().String()), kgo.WithHooks(reach),
		kgo.RequestTimeoutOverhead(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, client); err == nil {
		t.Fatal("it answers")
	}
	want := silent.Listener.Addr().String() + " takes the connection and does not answer"
	if why := reach.Why(); why == nil || !strings.Contains(why.Error(), want) {
		t.Errorf("why the broker cannot be reached: %v, want %s", why, want)
	}
}

func TestAnotherServerAtABrokersAddressIsNamedByWhatItSays(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	const (
		// as nginx, Apache and Jetty answer what is no request; Go's server waits for more of it
		nginx = "HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n"
		ssh   = "SSH-2.0-OpenSSH_9.2p1\r\n"
		// OpenSSL's alert about the version of what is no handshake
		alert = "\x15\x03\x01\x00\x02\x02\x46"
	)
	// What PostgreSQL 15 answers to the first bytes of a client of Kafka.
	const postgres = "E\x00\x00\x00\x8cSFATAL\x00VFATAL\x00C0A000\x00Munsupported frontend protocol 18.4: server supports 3.0 to 3.0\x00" +
		"Fpostmaster.c\x00L2195\x00RProcessStartupPacket\x00\x00"
	for _, c := range []struct {
		name, address string
		tls           bool
		says          string
	}{
		{"HTTP", testenv.Speaker(t, "", nginx).String(), false,
			`is not a broker of Kafka without TLS but an HTTP server, which says "HTTP/1.1 400 Bad Request"`},
		{"HTTP for TLS", plain.Listener.Addr().String(), true,
			`is not a broker of Kafka with TLS but an HTTP server, which says "HTTP/1.1 400 Bad Request"`},
		{"TLS", testenv.Speaker(t, "", alert).String(), false,
			"is not a broker of Kafka without TLS but a server that speaks TLS from the first byte on"},
		{"SSH", testenv.Speaker(t, "", ssh).String(), false, `an SSH server, which says "SSH-2.0-OpenSSH_9.2p1"`},
		{"SSH for TLS", testenv.Speaker(t, "", ssh).String(), true, `an SSH server, which says "SSH-2.0-OpenSSH_9.2p1"`},
		{"PostgreSQL", testenv.Speaker(t, "", postgres).String(), false, "but a PostgreSQL server"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			options, err := kafka.Config{Brokers: []string{c.address}, TLS: c.tls}.Options("test", nil)
			if err != nil {
				t.Fatal(err)
			}
			properties := map[string]string{"bootstrap.servers": c.address}
			if c.tls {
				properties["security.protocol"] = "SSL"
			}
			likewise, _, err := kafka.FromProperties(properties)
			if err != nil {
				t.Fatal(err)
			}
			for _, options := range [][]kgo.Opt{options, likewise} {
				reach := &kafka.Reach{}
				client, err := kgo.NewClient(append(options, kgo.WithHooks(reach))...)
				if err != nil {
					t.Fatal(err)
				}
				defer client.Close()
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				if _, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, client); err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("error %v, want one that says %s", err, c.says)
				}
				if why := reach.Why(); why == nil || !strings.Contains(why.Error(), c.says) {
					t.Errorf("why the broker cannot be reached: %v, want %s", why, c.says)
				}
			}
		})
	}
}
