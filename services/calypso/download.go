package calypso

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"

	"github.com/calypso-cdc/calypso/libs/pgserver"
)

// downloadPostgres returns the directory of PostgreSQL's binaries below dir, and downloads them if
// they are missing.
//
// The library downloads only as part of starting a server, which it cannot do for root. So a server
// is started with a throw-away data directory; whether that works does not matter once the binaries
// are there.
func downloadPostgres(dir string) (string, error) {
	bin := filepath.Join(dir, "bin")
	if pgserver.HasBinaries(bin) {
		return bin, nil
	}
	scratch, err := os.MkdirTemp("", "calypso-postgres-")
	if err != nil {
		return "", fmt.Errorf("make a directory for the download of PostgreSQL: %w", err)
	}
	defer os.RemoveAll(scratch)
	free, err := net.Listen("tcp", local(0))
	if err != nil {
		return "", fmt.Errorf("look for a free port: %w", err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	_ = free.Close()
	server := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(embeddedpostgres.V17).
		BinariesPath(dir).CachePath(filepath.Join(scratch, "cache")).RuntimePath(filepath.Join(scratch, "run")).
		Port(uint32(port)).StartTimeout(time.Minute).Logger(io.Discard))
	err = server.Start()
	if err == nil {
		err = server.Stop()
	}
	if pgserver.HasBinaries(bin) {
		return bin, nil
	}
	return "", errors.Join(fmt.Errorf("%w, or give a running one with --pg-url", pgserver.ErrNoBinaries),
		fmt.Errorf("download them failed: %w", err))
}
