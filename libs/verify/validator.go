package verify

import (
	"errors"
	"fmt"
)

// Validator watches a stream of changes for one promise. It gets changes one after another, as a
// consumer sees them, so that it can watch a stream that does not end; those that compare with the
// source learn by a method Expect what was committed there, at any time.
type Validator interface {
	// Note takes the next change.
	Note(Change)
	// Failures returns what broke the promise so far, assuming that nothing more that was expected
	// comes.
	Failures() []Failure
}

// Failure is one place where a promise was broken.
type Failure struct {
	// Promise says which: "order", "chain", "transactions", "fingerprint" or "identity".
	Promise string
	// Change is where it was seen; the zero value where it was at no change.
	Change Change
	// Says is what was wrong.
	Says string
}

func (f Failure) Error() string {
	if f.Change == (Change{}) {
		return f.Promise + ": " + f.Says
	}
	return fmt.Sprintf("%s: %s: %v", f.Promise, f.Says, f.Change)
}

// Validators watch one stream for several promises.
type Validators []Validator

// Note tells all of them of the next change.
func (vs Validators) Note(c Change) {
	for _, v := range vs {
		v.Note(c)
	}
}

// Failures are those of all.
func (vs Validators) Failures() []Failure {
	var all []Failure
	for _, v := range vs {
		all = append(all, v.Failures()...)
	}
	return all
}

// Err returns nil if v has no failures, else an error that counts them and shows the first ones.
func Err(v Validator) error {
	const most = 5
	failures := v.Failures()
	var errs []error
	for _, f := range failures[:min(most, len(failures))] {
		errs = append(errs, f)
	}
	if len(failures) > most {
		errs = append(errs, fmt.Errorf("and %d more", len(failures)-most))
	}
	return errors.Join(errs...)
}

// Start says where a stream begins.
type Start int

const (
	// AtSnapshot is a stream that a snapshot of rows precedes, whose earlier changes are not in it.
	AtSnapshot Start = iota
	// AtFirstChange is a stream of all changes since the table was empty.
	AtFirstChange
)
