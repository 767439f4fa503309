package localadx

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/egress"
	"github.com/calypso-cdc/calypso/services/localadx/azstorage"
	"github.com/calypso-cdc/calypso/services/localadx/command"
	"github.com/calypso-cdc/calypso/services/localadx/disk"
	"github.com/calypso-cdc/calypso/services/localadx/engine"
	"github.com/calypso-cdc/calypso/services/localadx/fidelity"
	"github.com/calypso-cdc/calypso/services/localadx/query"
	"github.com/calypso-cdc/calypso/services/localadx/queued"
	"github.com/calypso-cdc/calypso/services/localadx/rest"
	"github.com/calypso-cdc/calypso/services/localadx/source"
	"github.com/calypso-cdc/calypso/services/localadx/store"
	"github.com/calypso-cdc/calypso/services/localadx/web"
)

// schemaLife is how long streaming ingestion may know a table as it was; the service's.
const schemaLife = 5 * time.Minute

// shutdownGrace is how long requests under way may take when the server ends.
const shutdownGrace = 10 * time.Second

// Server is a local ADX. New opens it, Run serves, and Run's end closes it.
type Server struct {
	config   Config
	store    *store.Store
	ingestor *queued.Ingestor
	commands *command.Executor
	blobs    *azstorage.Blobs
	http     net.Listener
	https    net.Listener
	others   []other // further listeners of the two servers
	servers  [2]*http.Server
	ready    chan struct{}
}

// Run opens a server and serves until ctx ends.
func Run(ctx context.Context, config Config) error {
	s, err := New(ctx, config)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

// New opens the data directory and the listeners; Addrs knows the bound addresses from then on.
func New(ctx context.Context, config Config) (*Server, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("configuration of localadx: %w", err)
	}
	config = config.withDefaults()
	s := &Server{config: config, ready: make(chan struct{})}
	var err error
	guard := disk.NewGuard(config.DataDir, config.DiskReserve)
	s.store, err = store.Open(ctx, store.Options{Dir: config.DataDir, MemoryLimit: config.MemoryLimit,
		Threads: config.Threads, ReservedNames: config.Like.Has(fidelity.ReservedNames), Disk: guard, Log: config.Log})
	if err != nil {
		return nil, err
	}
	if err := s.open(ctx, guard); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *Server) open(ctx context.Context, guard *disk.Guard) error {
	for _, name := range s.config.Databases {
		var exists *store.ExistsError
		if err := s.store.CreateDatabase(ctx, name); err != nil && !errors.As(err, &exists) {
			return fmt.Errorf("make database %s: %w", name, err)
		}
	}
	signer, err := azstorage.OpenSigner(s.config.DataDir)
	if err != nil {
		return err
	}
	if s.blobs, err = azstorage.OpenBlobs(filepath.Join(s.config.DataDir, "blobs"), guard); err != nil {
		return err
	}
	if err := s.listen(); err != nil {
		return err
	}
	return s.wire(signer)
}

// other is a listener for the server of the same index in Server.servers.
type other struct {
	net.Listener
	server int
}

func (s *Server) listen() error {
	certificate, err := serverCertificate(s.config)
	if err != nil {
		return err
	}
	if s.http, err = net.Listen("tcp", s.config.HTTPAddr); err != nil {
		return fmt.Errorf("listen for http: %w; is another localadx running? --http names another address", err)
	}
	plain, err := net.Listen("tcp", s.config.HTTPSAddr)
	if err != nil {
		return fmt.Errorf("listen for https: %w; is another localadx running? --https names another address", err)
	}
	secure := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"}}
	s.https = tls.NewListener(plain, secure)
	if second := s.listenOnIPv6(s.config.HTTPAddr, s.http); second != nil {
		s.others = append(s.others, other{second, 0})
	}
	if second := s.listenOnIPv6(s.config.HTTPSAddr, plain); second != nil {
		s.others = append(s.others, other{tls.NewListener(second, secure), 1})
	}
	return nil
}

// listenOnIPv6 listens on [::1] too for an address on localhost, which some clients take for that and others for
// 127.0.0.1. It returns nil where that is not asked for or not possible: then localhost is 127.0.0.1 alone.
func (s *Server) listenOnIPv6(addr string, first net.Listener) net.Listener {
	host, _, err := net.SplitHostPort(addr)
	if err != nil || host != "localhost" {
		return nil
	}
	_, port, err := net.SplitHostPort(first.Addr().String())
	if err != nil {
		return nil
	}
	second, err := net.Listen("tcp6", net.JoinHostPort("::1", port))
	if err != nil {
		s.config.Log.Debug("localhost is 127.0.0.1 only", "err", err)
		return nil
	}
	return second
}

// wire puts the parts together.
func (s *Server) wire(signer *azstorage.Signer) error {
	log := s.config.Log
	loader := &source.Loader{Store: s.store}
	if s.config.Like.Has(fidelity.StreamingCache) {
		loader.Schemas = &source.Schemas{Life: schemaLife}
	}
	opener := &source.Opener{Signer: signer, Blobs: s.blobs,
		Client: &http.Client{Timeout: time.Hour, Transport: egress.Transport()}}
	var err error
	s.ingestor, err = queued.New(queued.Config{Store: s.store, Loader: loader, Opener: opener, Dir: s.config.DataDir,
		MaxBatchingTime: s.config.MaxBatchingTime,
		Like:            s.config.Like, Roles: s.config.Roles, Log: log})
	if err != nil {
		return err
	}
	var rotates azstorage.Rotation
	if s.config.Like.Has(fidelity.RotatingStorage) {
		rotates.Every = s.config.StorageLife
	}
	runner := &query.Runner{Store: s.store}
	journal, uploads := &command.Journal{}, &resources{signer: signer, like: s.config.Like, rotates: rotates}
	s.commands = command.New(command.Config{
		Store: s.store, Query: runner, Loader: loader, Opener: opener, Resources: uploads, Journal: journal,
		Like: s.config.Like, Roles: s.config.Roles, Emulator: s.config.Emulator,
		Version: version(), Started: time.Now(), Address: s.http.Addr().String(),
	})
	kusto := rest.New(rest.Config{
		Store: s.store, Commands: s.commands, Journal: journal, Resources: uploads,
		Query: runner, Loader: loader, Opener: opener, Ingestor: s.ingestor,
		StorageURL: s.storageURL, MaxResultRows: s.config.MaxResultRows, Names: certificateNames(s.config),
		Token: s.config.Token, Roles: s.config.Roles, Emulator: s.config.Emulator, Log: log,
	})
	storage := &azstorage.Handler{StatusOperations: s.config.StatusOperations, Rotates: rotates, Signer: signer,
		Blobs: s.blobs, Queues: s.ingestor, Entities: s.store.Entities(), Log: log}
	handler := patient(route(kusto, storage, web.Handler(pageLanguage{s.commands, runner})), bodyPatience)
	for i := range s.servers {
		s.servers[i] = &http.Server{
			Handler: handler, ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		}
	}
	return nil
}

// route sends requests to the service that their path belongs to.
func route(kusto *rest.Handler, storage, page http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := strings.ToLower(r.URL.Path); {
		case strings.HasPrefix(path, "/v1/"), strings.HasPrefix(path, "/v2/"):
			kusto.ServeHTTP(w, r)
		case azstorage.Serves(r.URL.Path):
			storage.ServeHTTP(w, r)
		case path == "/health":
			w.WriteHeader(http.StatusOK)
		case path == "/livez", path == "/healthz":
			io.WriteString(w, "ok\n")
		case path == "/readyz": // nothing is answered before the database is open
			io.WriteString(w, "ready\n")
		case path == "/local/check" && !kusto.Admits(r):
			http.Error(w, "a bearer token is needed", http.StatusUnauthorized)
		default:
			page.ServeHTTP(w, r)
		}
	})
}

// storageURL is where the request's client reaches the https listener: the host it used, with https's port.
func (s *Server) storageURL(r *http.Request) string {
	if s.config.StorageURL != "" {
		return strings.TrimSuffix(s.config.StorageURL, "/")
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimPrefix(strings.Trim(host, "[]"), "ingest-")
	_, port, _ := net.SplitHostPort(s.https.Addr().String())
	return "https://" + net.JoinHostPort(host, port)
}

// Addrs returns the bound addresses as host:port.
func (s *Server) Addrs() (httpAddr, httpsAddr string) {
	return s.http.Addr().String(), s.https.Addr().String()
}

// Ready is closed when the server answers.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Run serves until ctx ends, then lets requests and ingestions under way finish and closes everything. It returns nil
// when ctx ended it, and an error when the database broke: it cannot be used until the next start.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failures := make(chan error, 5+len(s.others))
	running := 0
	start := func(run func() error) {
		running++
		go func() { failures <- run() }()
	}
	for _, listener := range append([]other{{s.http, 0}, {s.https, 1}}, s.others...) {
		start(func() error {
			if err := s.servers[listener.server].Serve(listener.Listener); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve %s: %w", listener.Addr(), err)
			}
			return nil
		})
	}
	start(func() error { return s.ingestor.Run(ctx) })
	start(func() error { return s.maintain(ctx) })
	allowed := s.store.MemoryLimit() + s.config.MemoryBeside
	full := allowed - memoryToEnd
	watcher := engine.Watcher{Early: full / 4 * 3, Full: full, End: full + memoryToEnd/4}
	start(func() error { return watcher.Watch(ctx) })
	close(s.ready)
	httpAddr, httpsAddr := s.Addrs()
	s.config.Log.Info("localadx is ready", "http", "http://"+httpAddr, "https", "https://"+httpsAddr, "data",
		s.config.DataDir)
	var err error
	select {
	case <-ctx.Done():
	case err = <-s.store.Broken():
	case err = <-failures:
		running--
	}
	cancel()
	err = errors.Join(err, s.shutDown())
	for range running {
		err = errors.Join(err, <-failures)
	}
	return errors.Join(err, s.store.Close())
}

// memoryToEnd is the part of the process's memory, in bytes, that queries cannot use: what they take
// until they notice that they are ended.
const memoryToEnd = 256 << 20

func (s *Server) shutDown() error {
	grace, cancel := context.WithTimeout(context.Background(), shutdownGrace)
	defer cancel()
	var problems error
	for _, server := range s.servers {
		if err := server.Shutdown(grace); err != nil {
			problems = errors.Join(problems, fmt.Errorf("end requests under way: %w", err), server.Close())
		}
	}
	return problems
}

// close undoes New when it fails half-way.
func (s *Server) close() error {
	var problems error
	for _, listener := range []net.Listener{s.http, s.https} {
		if listener != nil {
			problems = errors.Join(problems, listener.Close())
		}
	}
	for _, listener := range s.others {
		problems = errors.Join(problems, listener.Close())
	}
	return errors.Join(problems, s.store.Close())
}

// version is the module's, or "devel" for a build from the sources.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "0.0.0-devel"
	}
	return strings.TrimPrefix(info.Main.Version, "v")
}
