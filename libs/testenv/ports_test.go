package testenv

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

func TestAPortIsGivenOnceOverAllProcesses(t *testing.T) {
	const each = 2000
	if os.Getenv("CALYPSO_TEST_PORTS") != "" {
		for range each {
			port, err := FreePort()
			if err != nil {
				t.Fatal(err)
			}
			fmt.Println("port", port)
		}
		fmt.Println("end")
		_, _ = bufio.NewReader(os.Stdin).ReadByte() // keeps its ports until the other has asked
		return
	}
	seen := map[int]bool{}
	add := func(port int) {
		if seen[port] {
			t.Errorf("port %d was given twice", port)
		}
		seen[port] = true
	}
	other := exec.Command(os.Args[0], "-test.run", t.Name())
	other.Env = append(os.Environ(), "CALYPSO_TEST_PORTS=1")
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "end"; {
		var port int
		if _, err := fmt.Sscanf(lines.Text(), "port %d", &port); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		add(port)
	}
	for range each {
		add(Port(t))
	}
	if len(seen) != 2*each {
		t.Errorf("%d ports, want %d", len(seen), 2*each)
	}
	_ = in.Close()
	if err := other.Wait(); err != nil {
		t.Error(err)
	}
}
