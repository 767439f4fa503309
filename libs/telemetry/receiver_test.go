package telemetry_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// lines is a log that may be read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestAReceiverThatTakesNoSpansHoldsNothingUpAndIsToldOnce(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		// certificates has the receiver ask for a client's certificate.
		certificates bool
	}{
		"one that hangs": {answer: func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}},
		"one that wants a password": {answer: func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "who are you?", http.StatusUnauthorized)
		}},
		"one that is overloaded": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}},
		"one that wants a certificate": {answer: func(http.ResponseWriter, *http.Request) {}, certificates: true},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			receiver := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				c.answer(w, r)
			}))
			receiver.Config.ErrorLog = log.New(io.Discard, "", 0)
			receiver.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
			if c.certificates {
				receiver.TLS.ClientAuth = tls.RequireAnyClientCert
			}
			receiver.StartTLS()
			defer receiver.Close()
			ca := filepath.Join(t.TempDir(), "ca.pem")
			if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE",
				Bytes: receiver.Certificate().Raw}), 0o600); err != nil {
				t.Fatal(err)
			}
			for variable, value := range map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.URL,
				"OTEL_EXPORTER_OTLP_CERTIFICATE": ca, "OTEL_EXPORTER_OTLP_TIMEOUT": "200", "OTEL_BSP_SCHEDULE_DELAY": "20",
				"OTEL_METRIC_EXPORT_INTERVAL": "20",
				"OTEL_BSP_EXPORT_TIMEOUT":     "300", "OTEL_METRIC_EXPORT_TIMEOUT": "300"} {
				t.Setenv(variable, value)
			}
			told := new(lines)
			tel, err := telemetry.Start(t.Context(), "sink", "1.2.3", telemetry.WithLogOutput(told))
			if err != nil {
				t.Fatal(err)
			}
			tracer := tel.Tracers.Tracer("test")
			for deadline := time.Now().Add(time.Minute); !strings.Contains(told.String(), `"traces"`); {
				for i := range 5000 { // more than the exporter keeps
					_, span := tracer.Start(t.Context(), fmt.Sprint("INSERT ", i))
					span.End()
				}
				if time.Now().After(deadline) {
					t.Fatal("nothing is said")
				}
				time.Sleep(20 * time.Millisecond)
			}
			for range 20 { // which fails again and again
				_, span := tracer.Start(t.Context(), "INSERT")
				span.End()
				time.Sleep(20 * time.Millisecond)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_ = tel.Shutdown(ctx)
			for _, signal := range []string{`"traces"`, `"metrics"`} {
				if n := strings.Count(told.String(), signal); n > 1 {
					t.Errorf("%s were told %d times:\n%s", signal, n, told)
				}
			}
			if !strings.Contains(told.String(), receiver.URL) {
				t.Errorf("told:\n%s", told)
			}
		})
	}
}

func TestAnotherServerAtAReceiversAddressIsNamed(t *testing.T) {
	other := testenv.Speaker(t, "SSH-2.0-OpenSSH_9.2p1\r\n", "")
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		t.Run(protocol, func(t *testing.T) {
			for variable, value := range map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + other.String(),
				"OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "OTEL_EXPORTER_OTLP_TIMEOUT": "1000",
				"OTEL_BSP_SCHEDULE_DELAY": "20", "OTEL_METRICS_EXPORTER": "none"} {
				t.Setenv(variable, value)
			}
			told := new(lines)
			tel, err := telemetry.Start(t.Context(), "sink", "1.2.3", telemetry.WithLogOutput(told))
			if err != nil {
				t.Fatal(err)
			}
			_, span := tel.Tracers.Tracer("test").Start(t.Context(), "INSERT")
			span.End()
			for deadline := time.Now().Add(time.Minute); !strings.Contains(told.String(),
				`is not a receiver of OTLP without TLS but an SSH server, which says \"SSH-2.0-OpenSSH_9.2p1\"`); {
				if time.Now().After(deadline) {
					t.Fatalf("told:\n%s", told)
				}
				time.Sleep(20 * time.Millisecond)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_ = tel.Shutdown(ctx)
		})
	}
}
