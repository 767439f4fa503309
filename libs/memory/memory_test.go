package memory_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/calypso-cdc/calypso/libs/memory"
)

const mb = "000000"

// machine writes the files of a machine that has a thousand megabytes, of which four fifths are there.
func machine(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	all := map[string]string{
		"proc/sys/kernel/random/boot_id": "b1\n", "proc/vmstat": "oom_kill_disable 9\noom_kill 3\n",
		"proc/meminfo": "MemTotal:       1000000 kB\nMemFree:  1 kB\nMemAvailable:    800000 kB\n",
	}
	for name, text := range files {
		all[name] = text
	}
	for name, text := range all {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestWhatLimitsAProcessIsFoundWhereItIsFullest(t *testing.T) {
	const v2, v1 = "sys/fs/cgroup/", "sys/fs/cgroup/memory/"
	for name, c := range map[string]struct {
		files       map[string]string
		used, limit int64
	}{
		"no groups": {nil, 200_000 << 10, 1_000_000 << 10},
		"a group without a limit": {map[string]string{"proc/self/cgroup": "0::/a\n", v2 + "a/memory.max": "max\n"},
			200_000 << 10, 1_000_000 << 10},
		"a limit beyond all memory": {map[string]string{"proc/self/cgroup": "4:memory:/\n",
			v1 + "memory.limit_in_bytes": "9223372036854771712\n"}, 200_000 << 10, 1_000_000 << 10},
		"a container": {map[string]string{"proc/self/cgroup": "0::/\n", v2 + "memory.max": "100" + mb,
			v2 + "memory.current": "90" + mb,
			v2 + "memory.stat":    "file 9\ninactive_file 20" + mb + "\n"}, 70_000_000, 100_000_000},
		"a container that sees the machine's path": {map[string]string{"proc/self/cgroup": "5:cpu:/docker/x\n4:memory:/docker/x\n", v1 + "memory.limit_in_bytes": "100" + mb,
			v1 + "memory.usage_in_bytes": "90" + mb, v1 + "memory.stat": "inactive_file 1\ntotal_inactive_file 10" + mb},
			80_000_000, 100_000_000},
		"the group around it is fuller": {map[string]string{"proc/self/cgroup": "0::/pod/c\n",
			v2 + "pod/memory.max": "100" + mb, v2 + "pod/memory.current": "95" + mb, v2 + "pod/memory.stat": "inactive_file 0",
			v2 + "pod/c/memory.max": "80" + mb, v2 + "pod/c/memory.current": "30" + mb,
			v2 + "pod/c/memory.stat": "inactive_file 0"}, 95_000_000, 100_000_000},
		"the machine is fuller": {map[string]string{"proc/meminfo": "MemTotal: 1000 kB\nMemAvailable: 10 kB\n",
			"proc/self/cgroup": "0::/\n", v2 + "memory.max": "100" + mb, v2 + "memory.current": "30" + mb},
			990 << 10, 1000 << 10},
	} {
		source, err := memory.Find(machine(t, c.files))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := source.Read()
		got.Left = 0 // has a test of its own
		if want := (memory.Reading{Boot: "b1", Kills: 3, Used: c.used, Limit: c.limit}); err != nil || got != want {
			t.Errorf("%s: %+v (%v), want %+v", name, got, err, want)
		}
	}
	if _, err := memory.Find(t.TempDir()); err == nil {
		t.Error("a machine that says nothing is taken for one")
	}
}

func TestMemoryRanOutIfTheKernelEndedAProcessSinceAndLittleWasLeft(t *testing.T) {
	last := memory.Reading{Boot: "b1", Kills: 3, Used: 90, Limit: 100}
	for name, c := range map[string]struct {
		last, now memory.Reading
		want      bool
	}{
		"killed by the kernel": {last, memory.Reading{Boot: "b1", Kills: 4}, true},
		"killed by somebody":   {last, memory.Reading{Boot: "b1", Kills: 3}, false},
		"another process was killed": {memory.Reading{Boot: "b1", Kills: 3, Used: 50, Limit: 100},
			memory.Reading{Boot: "b1", Kills: 4}, false},
		"the machine was started anew":    {last, memory.Reading{Boot: "b2", Kills: 4}, false},
		"nothing is known of the last":    {memory.Reading{}, memory.Reading{Boot: "b1", Kills: 4}, false},
		"nothing is known of the machine": {last, memory.Reading{}, false},
	} {
		if got := c.now.RanOut(c.last); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}

func TestAReadingSaysHowLongItWillNotBeNearItsLimit(t *testing.T) {
	const container = "sys/fs/cgroup/"
	groups := func(used, limit string) map[string]string {
		return map[string]string{"proc/self/cgroup": "0::/\n", container + "memory.max": limit,
			container + "memory.current": used}
	}
	for name, c := range map[string]struct {
		files map[string]string
		left  int64
	}{
		"a machine":         {nil, 300_000 << 10},
		"a machine near it": {map[string]string{"proc/meminfo": "MemTotal: 1000 kB\nMemAvailable: 10 kB\n"}, 0},
		"a small group, emptier than its machine": {groups("1"+mb, "100"+mb), 49_000_000},
		"a large group": {groups("1"+mb, "990"+mb), 300_000 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			source, err := memory.Find(machine(t, c.files))
			if err != nil {
				t.Fatal(err)
			}
			r, err := source.Read()
			if err != nil {
				t.Fatal(err)
			}
			if r.Left != c.left || (r.Far() == 0) != r.Near() {
				t.Errorf("%d bytes left, far for %s, near %v; want %d left", r.Left, r.Far(), r.Near(), c.left)
			}
		})
	}
}
