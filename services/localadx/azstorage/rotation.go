package azstorage

import (
	"strconv"
	"strings"
	"time"
)

// Rotation has the service's storage move: the names of containers, queues and tables end in a number that changes, and those with an
// earlier one are gone. The zero Rotation stays where it is.
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
	return resource + generation + strconv.FormatInt(time.Now().UnixNano()/int64(r.Every), 10)
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
