//go:build unix

package disk

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// free returns the bytes that an ordinary user may still write to the disk of dir.
func free(dir string) (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0, fmt.Errorf("ask for the room on the disk of %s: %w", dir, err)
	}
	return int64(stat.Bavail) * int64(stat.Bsize), nil
}
