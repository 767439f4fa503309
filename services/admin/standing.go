package admin

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"

	"github.com/calypso-cdc/calypso/libs/contain"
)

// lookAgain is how often the file of users is looked at for those whose calls are under way.
const lookAgain = 2 * time.Second

// errChanged says that a caller is no longer who they were when a call began.
var errChanged = errors.New(
	"the user was removed, or has another password or role, since this call began: authenticate again")

// stands reports whether a caller is still who they were: the user is there with the same password and role. It is true
// for those who are not in the file, whose sessions end by themselves, and while the file cannot be read.
func (u *Users) stands(caller user) bool {
	if u == nil || len(caller.hash) == 0 {
		return true
	}
	now, err := u.named(caller.name)
	if errors.Is(err, ErrUnauthenticated) {
		return false
	}
	return err != nil || now.role == caller.role && string(now.hash) == string(caller.hash)
}

// whileStands returns a context that ends, with errChanged as its cause, soon after a caller is no longer who they
// were. Its resources are freed by the function.
func (u *Users) whileStands(ctx context.Context, caller user) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	over := func() { end(nil) }
	if u == nil || len(caller.hash) == 0 {
		return ctx, over
	}
	contain.Go("watch of who makes a call", func() {
		for pause(ctx, lookAgain) {
			if !u.stands(caller) {
				end(errChanged)
			}
		}
	}, func(err error) { end(err) })
	return ctx, over
}

// within is a stream with another context.
type within struct {
	grpc.ServerStream
	ctx context.Context
}

func (w within) Context() context.Context { return w.ctx }
