//go:build unix

package capture

import (
	"os"
	"syscall"
	"testing"
)

// chownAs gives a file to the owner of another.
func chownAs(t testing.TB, file string, other os.FileInfo) {
	t.Helper()
	if st, ok := other.Sys().(*syscall.Stat_t); ok {
		if err := os.Chown(file, int(st.Uid), int(st.Gid)); err != nil {
			t.Fatal(err)
		}
	}
}
