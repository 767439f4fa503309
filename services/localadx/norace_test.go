//go:build !race

package localadx_test

const raceDetector = false
