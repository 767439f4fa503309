package config_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/config"
)

type kafkaSection struct {
	Brokers  []string      `name:"bootstrap-servers" env:"BOOTSTRAP_SERVERS" default:"localhost:9092" help:"Kafka brokers."`
	Password config.Secret `name:"sasl-password" help:"Password."`
}

func (k kafkaSection) Validate() error {
	if len(k.Brokers) == 0 {
		return errors.New("bootstrap-servers: at least one broker is needed")
	}
	return nil
}

type settings struct {
	Kafka    kafkaSection
	Listen   string        `name:"grpc-listen" default:"localhost:7071" help:"Address of the gRPC server."`
	Interval time.Duration `name:"interval" default:"500ms" help:"Interval."`
	Memory   config.Size   `name:"memory" default:"64MiB" help:"Memory."`
	Tasks    int           `name:"tasks" default:"1" help:"Tasks."`
	Insecure bool          `name:"insecure-no-auth" help:"No authentication."`
	Rate     float64       `name:"rate" help:"Rate."`
}

func load(t *testing.T, environment map[string]string, args ...string) (settings, []string, error) {
	t.Helper()
	var s settings
	var environ []string
	for name, value := range environment {
		environ = append(environ, name+"="+value)
	}
	program := config.Program{Name: "capture", About: "Captures.",
		LookupEnv: func(name string) (string, bool) { value, ok := environment[name]; return value, ok },
		Environ:   func() []string { return environ },
		Output:    &strings.Builder{},
	}
	warnings, err := program.Load(&s, args)
	return s, warnings, err
}

func TestAFlagWinsOverTheEnvironmentAndThatOverTheDefault(t *testing.T) {
	s, _, err := load(t, nil)
	if err != nil || s.Listen != "localhost:7071" || s.Kafka.Brokers[0] != "localhost:9092" ||
		s.Interval != 500*time.Millisecond || s.Memory != 64<<20 {
		t.Errorf("defaults: %+v, %v", s, err)
	}
	environment := map[string]string{"CALYPSO_GRPC_LISTEN": ":1", "BOOTSTRAP_SERVERS": "a:1, b:2",
		"CALYPSO_INSECURE_NO_AUTH": "true", "CALYPSO_TASKS": ""}
	s, _, err = load(t, environment)
	if err != nil || s.Listen != ":1" || fmt.Sprint(s.Kafka.Brokers) != "[a:1 b:2]" || !s.Insecure || s.Tasks != 1 {
		t.Errorf("environment: %+v, %v", s, err)
	}
	s, _, err = load(t, environment, "--grpc-listen", ":2", "--insecure-no-auth=false", "-rate=1.5", "--memory=2GiB")
	if err != nil || s.Listen != ":2" || s.Insecure || s.Rate != 1.5 || s.Memory != 2<<30 {
		t.Errorf("flags: %+v, %v", s, err)
	}
	environment["CALYPSO_BOOTSTRAP_SERVERS"] = "own:1"
	if s, _, _ = load(t, environment); s.Kafka.Brokers[0] != "own:1" {
		t.Errorf("our own variable must win over the shared one: %v", s.Kafka.Brokers)
	}
}

func TestEveryFaultIsReportedAtOnce(t *testing.T) {
	_, _, err := load(t, map[string]string{"CALYPSO_TASKS": "many", "CALYPSO_MEMORY": "lots"}, "--grpc-lisen",
		":1", "--interval=5", "stray", "--rate")
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"CALYPSO_TASKS", `"many" is not a whole number`, "CALYPSO_MEMORY",
		"did you mean --grpc-listen?", "--interval", `"stray" is not a flag`, "--rate: the value is missing",
		"capture --help"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), `":1"`) {
		t.Errorf("the value of a flag that is not known is taken for a flag:\n%v", err)
	}
}

func TestASectionIsValidated(t *testing.T) {
	if _, _, err := load(t, map[string]string{"BOOTSTRAP_SERVERS": " , "}); err == nil ||
		!strings.Contains(err.Error(), "at least one broker") {
		t.Errorf("%v", err)
	}
}

func TestASecretComesFromAFileOrTheEnvironmentAndNeverFromTheCommandLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte("canary\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]func() (settings, []string, error){
		"variable": func() (settings, []string, error) {
			return load(t, map[string]string{"CALYPSO_SASL_PASSWORD": "canary"})
		},
		"file": func() (settings, []string, error) {
			return load(t, map[string]string{"CALYPSO_SASL_PASSWORD_FILE": path})
		},
		"file flag": func() (settings, []string, error) { return load(t, nil, "--sasl-password-file", path) },
	} {
		s, _, err := try()
		if err != nil || s.Kafka.Password.Reveal() != "canary" {
			t.Errorf("%s: %v %v", name, s.Kafka.Password, err)
		}
		encoded, _ := json.Marshal(s)
		if text := fmt.Sprintf("%v %+v %#v %s %s", s, s, s, s.Kafka.Password, encoded); strings.Contains(text, "canary") {
			t.Errorf("%s: the secret is shown: %s", name, text)
		}
	}
	_, _, err := load(t, nil, "--sasl-password", "canary")
	if err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "--sasl-password-file") {
		t.Errorf("on the command line: %v", err)
	}
	if _, _, err = load(t, map[string]string{"CALYPSO_SASL_PASSWORD_FILE": "/no/such/file"}); err == nil ||
		!strings.Contains(err.Error(), "CALYPSO_SASL_PASSWORD_FILE") {
		t.Errorf("missing file: %v", err)
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, endless := range []string{pipe, "/dev/zero", t.TempDir()} {
		for name, try := range map[string]func() (settings, []string, error){
			"CALYPSO_SASL_PASSWORD_FILE": func() (settings, []string, error) {
				return load(t, map[string]string{"CALYPSO_SASL_PASSWORD_FILE": endless})
			},
			"--sasl-password-file": func() (settings, []string, error) { return load(t, nil, "--sasl-password-file", endless) },
		} {
			if _, _, err := try(); err == nil || !strings.Contains(err.Error(), name) ||
				!strings.Contains(err.Error(), "read "+endless+": it is not a regular file") {
				t.Errorf("%s as %s: %v", endless, name, err)
			}
		}
	}
}

func TestAVariableThatIsNearlyASettingIsWarnedOf(t *testing.T) {
	_, warnings, err := load(t, map[string]string{"CALYPSO_GRPC_LISTNE": ":1",
		"CALYPSO_SOMETHING_OF_ANOTHER_SERVICE": "x"})
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "CALYPSO_GRPC_LISTEN?") {
		t.Errorf("%v %v", warnings, err)
	}
}

func TestHelpTeachesEverySetting(t *testing.T) {
	var out strings.Builder
	program := config.Program{Name: "capture", About: "Captures changes.",
		Examples: []string{"capture --bootstrap-servers=kafka:9092"}, Output: &out}
	if _, err := program.Load(&settings{}, []string{"--help"}); !errors.Is(err, config.ErrHelp) {
		t.Fatal(err)
	}
	for _, want := range []string{"--bootstrap-servers=a,b,…   (CALYPSO_BOOTSTRAP_SERVERS, BOOTSTRAP_SERVERS)",
		"Default: localhost:9092", "--sasl-password-file=path", "--memory=size", "Examples:"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out.String())
		}
	}
}

func TestADeclarationThatCannotWorkIsAnError(t *testing.T) {
	for name, into := range map[string]any{
		"not a pointer": settings{},
		"twice": &struct {
			A string `name:"a"`
			B string `name:"a"`
		}{},
		"bad default": &struct {
			A int `name:"a" default:"x"`
		}{},
	} {
		if _, err := (config.Program{Name: "x"}).Load(into, nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestSizesAreReadAndWrittenWithUnits(t *testing.T) {
	for text, want := range map[string]config.Size{"0": 0, "10": 10, "10B": 10, "512KiB": 512 << 10, "1MB": 1e6,
		" 3 GiB ": 3 << 30} {
		var size config.Size
		if err := size.UnmarshalText([]byte(text)); err != nil || size != want {
			t.Errorf("%q = %d, %v", text, size, err)
		}
	}
	for _, text := range []string{"", "x", "-1", "1.5MiB", "99999999999GiB"} {
		var size config.Size
		if err := size.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q accepted as %d", text, size)
		}
	}
	if got := config.Size(64 << 20).String(); got != "64MiB" {
		t.Errorf("64MiB is written %s", got)
	}
}

func TestWhatAProgramLeavesOutHasTheDeclaredDefault(t *testing.T) {
	s := settings{Listen: "here:1", Kafka: kafkaSection{Password: "p"}}
	config.SetDefaults(&s)
	if s.Listen != "here:1" || s.Interval != 500*time.Millisecond || s.Tasks != 1 || s.Kafka.Password != "p" ||
		len(s.Kafka.Brokers) != 1 || s.Kafka.Brokers[0] != "localhost:9092" {
		t.Errorf("%+v", s)
	}
}
