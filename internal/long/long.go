// Package long tells tests whether they are to run in their long form: all cases where
// the plain run has one of each kind, and more rounds of what is drawn at random.
//
// It is for tests only: what is not a test must not import it.
package long

import "os"

// Variable is the environment variable that asks for the long form, if it is not empty.
const Variable = "COUNTERSIGN_LONG"

// Form reports whether tests are to run in their long form.
func Form() bool { return os.Getenv(Variable) != "" }

// Of returns the number of rounds for the form that is asked for.
func Of(short, long int) int {
	if Form() {
		return long
	}
	return short
}
