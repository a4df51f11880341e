//go:build race

package transform

// raceEnabled: the engine is many times slower under the race detector.
const raceEnabled = true
