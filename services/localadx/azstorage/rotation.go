package azstorage

import (
	"strconv"
	"strings"
	"time"
)

// Rotation has the service's storage move: the names of containers, queues and tables end in a
// number that changes. A name is valid while it is handed out and for as long again; then it is
// gone. The zero Rotation stays where it is.
type Rotation struct {
	Every time.Duration
}

// generation separates a name from its number, which tables would not allow in another form.
const generation = "r0"

// Name is what a resource is called now.
func (r Rotation) Name(resource string) string {
	if r.Every == 0 {
		return resource
	}
	return resource + generation + strconv.FormatInt(r.now(), 10)
}

func (r Rotation) now() int64 { return time.Now().UnixNano() / int64(r.Every) }

// Has reports whether a name is valid: the one that is handed out now, or the one before.
func (r Rotation) Has(name string) bool {
	resource := Lasting(name)
	if r.Every == 0 {
		return name == resource
	}
	number, err := strconv.ParseInt(strings.TrimPrefix(name, resource+generation), 10, 64)
	age := r.now() - number
	return err == nil && (age == 0 || age == 1)
}

// Lasting is the resource that a name was given for at some time.
func Lasting(name string) string {
	for _, resource := range []string{Container, SecondQueue, IngestionQueue, FailedQueue, SucceededQueue, StatusTable} {
		if strings.HasPrefix(name, resource+generation) {
			return resource
		}
	}
	return name
}
