// Command report reads the output of `go test -json` and prints what a person wants from it: a line
// for each package, all output of what failed, and at the end every test that was left out, with
// its reason. It exits with 1 if anything failed.
//
// With -again "-race", a few tests that failed among the others are run three times more each,
// alone and with these flags of go test. Those that pass all three are named as unsteady in the end
// and do not fail the run: what fails on a change that has nothing to do with it is to be looked
// into, but must not hold the change up. What cannot come from a busy machine, a data race or a
// panic, is never excused.
package main
