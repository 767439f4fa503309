package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"syscall"
	"time"

	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// Service is one of Calypso's binaries, run as a process of its own. It keeps its addresses over restarts.
type Service struct {
	name string
	path string
	env  []string
	log  string
	// listens are the addresses that take connections once the service is up; at health, if there
	// is one, it then says over gRPC that it can do its work.
	listens []string
	health  string

	process *testenv.Process
}

// newService builds the binary of a service.
func newService(ctx context.Context, dir, name string, listens []string, env ...string) (*Service, error) {
	path, err := testenv.Build(ctx, name)
	if err != nil {
		return nil, err
	}
	s := &Service{name: name, path: path, env: env, log: filepath.Join(dir, name+".log"), listens: listens}
	if name == "capture" || name == "sink" {
		s.health = listens[0]
	}
	return s, nil
}

// Start starts the service, with more environment if given, and returns when it can work.
func (s *Service) Start(ctx context.Context, env ...string) error {
	var err error
	if s.process, err = testenv.StartProcess(testenv.Command{Path: s.path,
		Env: append(s.env[:len(s.env):len(s.env)], env...), Log: s.log,
		Dir: filepath.Dir(s.log)}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("it was given a minute to start"))
	defer cancel()
	var ended error
	err = testenv.WaitFor(ctx, s.name, func(ctx context.Context) error {
		if ended = s.process.Running(); ended != nil {
			return nil
		}
		for _, address := range s.listens {
			c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
			if err != nil {
				return err
			}
			c.Close()
		}
		if s.health != "" {
			return rpc.CheckHealth(ctx, s.health)
		}
		return nil
	})
	if ended != nil {
		return ended
	}
	return err
}

// Kill ends the service as kill -9 does.
func (s *Service) Kill() { s.process.Kill() }

// Stop asks the service to end, and fails if it takes more than half a minute or ends with an error.
func (s *Service) Stop() error { return s.process.Stop(syscall.SIGTERM, 30*time.Second) }

// Restart kills the service and starts it again.
func (s *Service) Restart(ctx context.Context) error {
	s.Kill()
	return s.Start(ctx)
}

// Process is the present process.
func (s *Service) Process() *testenv.Process { return s.process }

// Log is all that the service has logged, over restarts.
func (s *Service) Log() string { return s.process.Log() }

func (s *Service) String() string { return fmt.Sprintf("%s (pid %d)", s.name, s.process.PID()) }
