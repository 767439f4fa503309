//go:build unix

package calypso

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockData makes sure that no other process uses the data directory. Closing the file releases the
// lock, as does the end of this process.
func lockData(data string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(data, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("another calypso runs with the data directory %s: stop it, or choose another directory with --data",
			data)
	}
	return f, nil
}
