package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes, written as 1048576, 512KiB, 64MiB or 2GiB; KB, MB and GB count in thousands.
type Size int64

var units = []struct {
	suffix string
	factor int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1},
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Size) UnmarshalText(text []byte) error {
	number, factor := strings.TrimSpace(string(text)), int64(1)
	for _, unit := range units {
		if rest, ok := strings.CutSuffix(number, unit.suffix); ok {
			number, factor = strings.TrimSpace(rest), unit.factor
			break
		}
	}
	count, err := strconv.ParseInt(number, 10, 64)
	if err != nil || count < 0 || count > math.MaxInt64/factor {
		return errors.New("want a size such as 1048576, 512KiB, 64MiB or 2GiB")
	}
	*s = Size(count * factor)
	return nil
}

// String returns the shortest exact form.
func (s Size) String() string {
	for _, unit := range []int{2, 1, 0} {
		if factor := units[unit].factor; int64(s) >= factor && int64(s)%factor == 0 {
			return fmt.Sprintf("%d%s", int64(s)/factor, units[unit].suffix)
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// MarshalText implements encoding.TextMarshaler.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
