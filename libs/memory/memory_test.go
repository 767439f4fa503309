package memory_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/calypso-cdc/calypso/libs/memory"
)

const mb = "000000"

// machine writes the files of a machine with a thousand megabytes, four fifths of them available.
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
	for _, files := range []map[string]string{
		{"proc/self/cgroup": "0::/a\n", v2 + "a/memory.max": "100" + mb, v2 + "a/memory.current": "1",
			v2 + "a/memory.events": "low 0\noom 9\noom_kill 5\noom_group_kill 0\n"},
		{"proc/self/cgroup": "4:memory:/a\n", v1 + "a/memory.limit_in_bytes": "100" + mb, v1 + "a/memory.usage_in_bytes": "1",
			v1 + "a/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"},
	} {
		source, err := memory.Find(machine(t, files))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := source.Read(); err != nil || got.Ended != 5 || got.Group == "" {
			t.Errorf("%v: %+v (%v), want that 5 were ended in the group", files, got, err)
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
		"killed in its group faster than anybody looked": {memory.Reading{Boot: "b1", Kills: 3, Used: 10, Limit: 100, Group: "g"},
			memory.Reading{Boot: "b1", Kills: 4, Group: "g", Ended: 1}, true},
		"killed in a group that was there before": {memory.Reading{Boot: "b1", Kills: 3, Used: 10, Limit: 100, Group: "g"},
			memory.Reading{Boot: "b1", Kills: 4, Group: "other", Ended: 1}, false},
		"killed in the group of another machine": {memory.Reading{Boot: "b1", Group: "g"},
			memory.Reading{Boot: "b2", Group: "g", Ended: 1}, false},
		"the machine was started again":   {last, memory.Reading{Boot: "b2", Kills: 4}, false},
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
