package disk

import "fmt"

// FullError reports that there is too little room to write.
type FullError struct {
	Dir     string
	Free    int64 // bytes
	Reserve int64 // bytes
}

// Error says what to do.
func (e *FullError) Error() string {
	return fmt.Sprintf("the disk that holds %s has %d MB left and localadx keeps %d MB free: make room, then try again",
		e.Dir, e.Free>>20, e.Reserve>>20)
}

// Guard refuses writing when the disk has less than a reserve left. It is immutable and safe for concurrent use.
type Guard struct {
	dir     string
	reserve int64
}

// NewGuard returns a Guard of the disk that holds dir; reserve is in bytes.
func NewGuard(dir string, reserve int64) *Guard { return &Guard{dir: dir, reserve: reserve} }

// Check returns a *FullError when there is less room than the reserve. A disk whose room cannot be
// told is taken to have enough.
func (g *Guard) Check() error {
	room, err := free(g.dir)
	if err != nil || room >= g.reserve {
		return nil
	}
	return &FullError{Dir: g.dir, Free: room, Reserve: g.reserve}
}
