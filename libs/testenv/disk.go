package testenv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// SmallDisk is a file system of that many megabytes; resize gives it another size. The test is left
// out where none can be mounted.
func SmallDisk(t testing.TB, megabytes int) (dir string, resize func(megabytes int)) {
	t.Helper()
	dir = t.TempDir()
	mount := func(options string) error {
		out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", options, "tmpfs", dir).CombinedOutput()
		if err != nil {
			return fmt.Errorf("mounting a small file system: %w: %s", err, out)
		}
		return nil
	}
	if os.Geteuid() != 0 {
		t.Skip("only root mounts a small file system")
	}
	if err := mount(fmt.Sprintf("size=%dm", megabytes)); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		_ = exec.CommandContext(context.Background(), "umount", "-l", dir).Run()
	})
	return dir, func(megabytes int) {
		t.Helper()
		if err := mount(fmt.Sprintf("remount,size=%dm", megabytes)); err != nil {
			t.Fatal(err)
		}
	}
}
