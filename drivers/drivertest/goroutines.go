package drivertest

import (
	"runtime"
	"strings"
	"time"
)

// stacks are the goroutines there are, by their stacks.
func stacks() []string {
	b := make([]byte, 1<<20)
	for {
		n := runtime.Stack(b, true)
		if n < len(b) {
			return strings.Split(string(b[:n]), "\n\n")
		}
		b = make([]byte, 2*len(b))
	}
}

// name is what tells a goroutine from others: the number in its first line.
func name(stack string) string {
	n, _, _ := strings.Cut(strings.TrimPrefix(stack, "goroutine "), " ")
	return n
}

// counted are the goroutines before a check.
func counted() map[string]bool {
	m := map[string]bool{}
	for _, s := range stacks() {
		m[name(s)] = true
	}
	return m
}

// settle waits until all goroutines have ended that were not there before, for as
// long as patience, and gives the stacks of those that did not.
func settle(before map[string]bool, patience time.Duration) string {
	var left []string
	for wait := time.Millisecond; wait < patience; wait *= 2 {
		left = left[:0]
		for _, s := range stacks() {
			if !before[name(s)] && ours(s) {
				left = append(left, s)
			}
		}
		if len(left) == 0 {
			return ""
		}
		time.Sleep(wait)
	}
	return strings.Join(left[:min(len(left), 3)], "\n\n")
}

// ours reports whether a goroutine may be a driver's: not one of package testing.
func ours(stack string) bool { return !strings.Contains(stack, "testing.tRunner(") }
