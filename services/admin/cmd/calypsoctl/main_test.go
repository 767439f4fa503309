package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv/reexec"
)

// program is the program with its arguments.
var program = reexec.New("calypsoctl", func(arguments []string) error {
	os.Args = append(os.Args[:1], arguments...)
	main()
	return nil
})

func TestMain(m *testing.M) {
	reexec.Run()
	os.Exit(m.Run())
}

func TestACommandThatIsToldToEndEndsByItself(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, end := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		p := program.Start(t, []string{"--address", silent.Addr().String(), "get", "pipelines"})
		if err := silent.(*net.TCPListener).SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		conn, err := silent.Accept() // so it has begun
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Process.Signal(end); err != nil {
			t.Fatal(err)
		}
		var status *exec.ExitError
		if err := p.Ends(t, time.Minute); !errors.As(err, &status) || status.ExitCode() < 1 {
			t.Errorf("%v: %v, so it could clean up nothing", end, err)
		}
		_ = conn.Close()
	}
}
