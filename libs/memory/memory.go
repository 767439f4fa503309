// Package memory reads how much of its memory limit this process uses, and whether the kernel has
// killed processes for lack of memory: a killed process cannot report that itself.
package memory

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Reading is the state of a process's memory at one moment.
type Reading struct {
	// Boot identifies the present run of the machine.
	Boot string `json:"boot"`
	// Kills is how many of the machine's processes the kernel has killed since the start for lack of
	// memory, of the machine or of a group of processes (a container).
	Kills int64 `json:"kills"`
	// Group is the innermost group with a limit that contains the process, empty if there is none, and
	// Ended how many of its processes the kernel has killed.
	Group string `json:"group,omitempty"`
	Ended int64  `json:"ended,omitempty"`
	// Used and Limit are those of the fullest place: a group that contains the process, or the
	// machine.
	Used  int64 `json:"used"`
	Limit int64 `json:"limit"`
	// Left is after how many more bytes Near becomes true, in that group, in another, or on the
	// machine.
	Left int64 `json:"-"`
}

// Near reports whether so little was left that memory may have run out before the next reading.
func (r Reading) Near() bool { return r.Used > r.Limit/2 }

// fastestFill is an upper bound on how many bytes a process fills in a second: one core touches
// some gigabytes of new memory a second.
const fastestFill = 8 << 30

// Far returns the shortest time after which Near may be true; 0 if it is true now.
func (r Reading) Far() time.Duration {
	return time.Duration(float64(r.Left) / fastestFill * float64(time.Second))
}

// RanOut reports whether the kernel may have killed an earlier process for lack of memory: last is
// that process's last reading, and r one of its successor. A group may fill up between two
// readings, but the kernel counts the processes that it kills in it.
func (r Reading) RanOut(last Reading) bool {
	if last.Boot != r.Boot {
		return false
	}
	return last.Near() && last.Kills < r.Kills || last.Group != "" && last.Group == r.Group && last.Ended < r.Ended
}

// Source reads the kernel's files about memory. Make it with Find.
type Source struct {
	root   string
	boot   string
	groups []group
}

// group is a group of processes whose memory is limited.
type group struct {
	limit int64
	// used is the file with the memory in use; stat is the file that says under the name idle how much
	// of it can be freed at once.
	used, stat, idle string
	// kills is the file that counts the processes of the group that the kernel has killed.
	kills string
}

// Find finds what limits the memory of this process. root is "/", or a test's directory with such
// files.
func Find(root string) (*Source, error) {
	s := &Source{root: root}
	boot, err := s.read("proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil, fmt.Errorf("find out what limits the memory of this process: %w", err)
	}
	s.boot = boot
	if _, err := s.Read(); err != nil { // fails on machines without these files
		return nil, fmt.Errorf("find out what limits the memory of this process: %w", err)
	}
	groups, err := s.read("proc/self/cgroup")
	if err != nil {
		return s, nil
	}
	for line := range strings.Lines(groups) {
		// hierarchy:controllers:path
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		switch {
		case parts[1] == "":
			s.find(parts[2], "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file", "memory.events")
		case parts[1] == "memory":
			s.find(parts[2], "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file",
				"memory.oom_control")
		}
	}
	return s, nil
}

// find adds the groups from the one at a path up to the root. In a container the path may be the
// machine's, which does not exist there: then the root is the container's group.
func (s *Source) find(path, mount, limit, used, idle, kills string) {
	for at := filepath.Join("/", path); ; at = filepath.Dir(at) {
		dir := filepath.Join(mount, at)
		if text, err := s.read(filepath.Join(dir, limit)); err == nil {
			// "max", or a number beyond all memory, is no limit.
			if most, err := strconv.ParseInt(text, 10, 64); err == nil && most > 0 && most < math.MaxInt64>>12 {
				s.groups = append(s.groups, group{most, filepath.Join(dir, used), filepath.Join(dir, "memory.stat"), idle,
					filepath.Join(dir, kills)})
			}
		}
		if at == "/" {
			return
		}
	}
}

// Read reads the present moment.
func (s *Source) Read() (Reading, error) {
	r := Reading{Boot: s.boot}
	events, err := s.numbers("proc/vmstat", "oom_kill")
	if err != nil {
		return r, err
	}
	machine, err := s.numbers("proc/meminfo", "MemTotal:", "MemAvailable:")
	if err != nil {
		return r, err
	}
	total, available := machine[0], machine[1]
	asked := askedFor(s.root)
	r.Kills, r.Used, r.Limit = events[0], (total-available)<<10+asked, total<<10
	r.Left = untilHalf(r.Used, r.Limit)
	for i, g := range s.groups {
		if ended, err := s.numbers(g.kills, "oom_kill"); i == 0 && err == nil { // older kernels do not have it
			r.Group, r.Ended = g.kills, ended[0]
		}
		used, err := s.used(g)
		if err != nil {
			return r, err
		}
		used += asked
		r.Left = min(r.Left, untilHalf(used, g.limit))
		if float64(used)/float64(g.limit) > float64(r.Used)/float64(r.Limit) {
			r.Used, r.Limit = used, g.limit
		}
	}
	return r, nil
}

// untilHalf returns how many bytes are left until half the limit is used.
func untilHalf(used, limit int64) int64 { return max(0, limit/2-used) }

// used returns the bytes that a group uses and cannot free at once.
func (s *Source) used(g group) (int64, error) {
	text, err := s.read(g.used)
	if err != nil {
		return 0, err
	}
	used, err := strconv.ParseInt(text, 10, 64)
	if err != nil || used < g.limit/2 {
		return used, err
	}
	idle, err := s.numbers(g.stat, g.idle)
	if err != nil {
		return used, err
	}
	return used - idle[0], nil
}

// askedFor returns the bytes that this process has allocated but not touched yet: they may fill up
// between two readings.
func askedFor(root string) int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"},
		{Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(sample)
	asked := int64(sample[0].Value.Uint64() - sample[1].Value.Uint64() - sample[2].Value.Uint64())
	text, err := os.ReadFile(filepath.Join(root, "proc/self/statm"))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	resident, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return max(0, asked-resident*int64(os.Getpagesize()))
}

// numbers reads the numbers after names at the beginnings of lines, all from one read of the file.
func (s *Source) numbers(path string, names ...string) ([]int64, error) {
	text, err := os.ReadFile(filepath.Join(s.root, path))
	if err != nil {
		return nil, err
	}
	found := make([]int64, len(names))
	missing := slices.Clone(names)
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 2 || !slices.Contains(missing, fields[0]) {
			continue
		}
		if found[slices.Index(names, fields[0])], err = strconv.ParseInt(fields[1], 10, 64); err != nil {
			return nil, fmt.Errorf("read %s of %s: %w", fields[0], path, err)
		}
		if missing = slices.DeleteFunc(missing, func(name string) bool { return name == fields[0] }); len(missing) == 0 {
			return found, nil
		}
	}
	return nil, fmt.Errorf("%s does not say %s", path, strings.Join(missing, " and "))
}

func (s *Source) read(path string) (string, error) {
	text, err := os.ReadFile(filepath.Join(s.root, path))
	return strings.TrimSpace(string(text)), err
}
