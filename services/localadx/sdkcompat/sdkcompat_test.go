package sdkcompat

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/services/localadx"
	"github.com/calypso-cdc/calypso/services/localadx/fidelity"
)

// enabled is the environment variable that lets the tests run; its value may name a directory that keeps installed
// packages from one run to the next.
const enabled = "CALYPSO_SDK_COMPAT"

// suite is one language's.
type suite struct {
	name string
	// needs are programs that must be there.
	needs []string
	// fetch and run are command lines within the work directory, which holds a copy of the suite's files.
	fetch, run []string
}

func suites() []suite {
	return []suite{
		{"python", []string{"python3"}, []string{"sh", "-c",
			"python3 -m venv venv && venv/bin/pip install --quiet -r requirements.txt"},
			[]string{"venv/bin/python", "suite.py"}},
		{"node", []string{"node", "npm"}, []string{"npm", "install", "--no-audit", "--no-fund", "--silent"},
			[]string{"node", "suite.mjs"}},
		{"java", []string{"java", "javac", "mvn"}, []string{"mvn", "-q", "-B", "dependency:build-classpath",
			"-Dmdep.outputFile=classpath.txt"},
			[]string{"sh", "-c",
				"javac -cp \"$(cat classpath.txt)\" -d . Suite.java && java -Djavax.net.ssl.trustStore=\"$LOCALADX_TRUST\" -Djavax.net.ssl.trustStorePassword=changeit -cp \"$(cat classpath.txt):.\" Suite"}},
	}
}

func TestTheSDKsCannotTellLocaladxFromADX(t *testing.T) {
	keep := os.Getenv(enabled)
	if keep == "" {
		t.Skipf("set %s to run the suites of the Python, Node and Java SDKs", enabled)
	}
	if keep == "1" {
		keep = t.TempDir()
	}
	httpURL, httpsURL, dir := serve(t)
	for _, s := range suites() {
		t.Run(s.name, func(t *testing.T) {
			for _, program := range s.needs {
				if _, err := exec.LookPath(program); err != nil {
					t.Skipf("%s is not installed", program)
				}
			}
			work := filepath.Join(keep, s.name)
			if err := os.MkdirAll(work, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := copyFiles(work, s.name); err != nil {
				t.Fatal(err)
			}
			environment := append(os.Environ(), "REQUESTS_CA_BUNDLE="+filepath.Join(dir, localadx.CAFile),
				"SSL_CERT_FILE="+filepath.Join(dir, localadx.CAFile),
				"NODE_EXTRA_CA_CERTS="+filepath.Join(dir, localadx.CAFile), "LOCALADX_TRUST="+trustStore(t, dir))
			fetch(t, work, s.fetch)
			for _, url := range []string{httpURL, httpsURL} {
				execute(t, work, append(environment, "LOCALADX_URL="+url), s.run)
			}
		})
	}
}

// fetch gets a suite's packages. Where they cannot be had, after another try, the suite is left
// out: that says nothing of localadx.
func fetch(t *testing.T, dir string, line []string) {
	t.Helper()
	for tries := 1; ; tries++ {
		err := command(t, dir, os.Environ(), line)
		if err == nil {
			return
		}
		if tries == 3 {
			t.Skipf("the packages cannot be fetched: %v", err)
		}
		time.Sleep(5 * time.Second)
	}
}

func execute(t *testing.T, dir string, environment, line []string) {
	t.Helper()
	if err := command(t, dir, environment, line); err != nil {
		t.Fatal(err)
	}
}

func command(t *testing.T, dir string, environment, line []string) error {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, line[0], line[1:]...)
	command.Dir, command.Env = dir, environment
	out, err := command.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%v: %w\n%s", line, err, out)
	}
	return err
}

// trustStore makes a Java trust store of the server's authority, if there is a keytool.
func trustStore(t *testing.T, dir string) string {
	t.Helper()
	store := filepath.Join(dir, "trust.p12")
	if _, err := os.Stat(store); err == nil {
		return store
	}
	keytool, err := exec.LookPath("keytool")
	if err != nil {
		return ""
	}
	execute(t, dir, os.Environ(), []string{keytool, "-importcert", "-noprompt", "-storetype", "PKCS12", "-alias",
		"localadx", "-storepass", "changeit", "-keystore", store, "-file", filepath.Join(dir, localadx.CAFile)})
	return store
}

// serve runs a server and returns its URLs and its data directory.
func serve(t *testing.T) (httpURL, httpsURL, dir string) {
	t.Helper()
	dir = t.TempDir()
	like, err := fidelity.Parse(strings.FieldsFunc(os.Getenv(testenv.LikeADX), func(r rune) bool { return r == ',' }))
	if err != nil {
		t.Fatal(err)
	}
	server, err := localadx.New(t.Context(), localadx.Config{
		HTTPAddr: "localhost:0", HTTPSAddr: "localhost:0", DataDir: dir, Databases: []string{"shop"},
		MaxBatchingTime: 100 * time.Millisecond,
		Like:            like, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	<-server.Ready()
	httpAddr, httpsAddr := server.Addrs()
	return "http://" + localhost(httpAddr), "https://" + localhost(httpsAddr), dir
}

func localhost(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return "localhost:" + port
}

// copyFiles copies a suite's files over those of an earlier run.
func copyFiles(to, from string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(from, entry.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, entry.Name()), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
