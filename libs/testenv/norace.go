//go:build !race

package testenv

// RaceDetector says that the race detector runs, which takes several times the memory.
const RaceDetector = false
