// Package requirement ties tests to the rows of docs/requirements.csv. A test says
// with [Held] which check it is and that the check had something to say; the test of
// the module's root counts these, and fails where a named check is gone or never gets
// to say anything.
//
// It is for tests only: what is not a test must not import it.
package requirement

import (
	"fmt"
	"os"
	"strings"
	"sync"
)

// File is the environment variable that names the file to which Held appends. Where
// it is not set Held does nothing.
const File = "COUNTERSIGN_REQUIREMENTS"

// Record is one line of that file: in Dir, Test put Check to the test Count times or
// more, for each of Rows, or for every row that names the check if there are none.
type Record struct {
	Dir, Test, Check string
	Rows             []string
	Count            int
}

var (
	mu     sync.Mutex
	counts = map[string]int{}

	dir, _ = os.Getwd() // tests start in the directory of their package
)

// Held notes that a check was put to the test and held. Call it behind what the test
// looks at and inside the condition that makes it apply, so that a case which no
// longer occurs is no longer counted.
//
// check is a name of the CSV with its kind, "prop:persist_table", as a literal: it is
// found in the source as well. rows narrow it to some of the rows that name it, for a
// check with cases for different ones. t may be a rapid.T too.
func Held(t interface{ Name() string }, check string, rows ...string) {
	file := os.Getenv(File)
	if file == "" {
		return
	}
	mu.Lock()
	defer mu.Unlock()
	// A rapid.T is named like the test that it runs in.
	key := strings.Join([]string{dir, t.Name(), check, strings.Join(rows, " ")}, "\t")
	counts[key]++
	// The end of a test binary is not known here. Counts that double are near enough, and
	// do not fill the disk.
	if n := counts[key]; n&(n-1) == 0 {
		f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = fmt.Fprintf(f, "%s\t%d\n", key, n)
			f.Close()
		}
		if err != nil {
			panic("requirement: cannot write what held: " + err.Error())
		}
	}
}

// Read gives the records of a file, the highest count of each.
func Read(file string) ([]Record, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var list []Record
	at := map[string]int{}
	for line := range strings.Lines(string(text)) {
		part := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(part) != 5 {
			return nil, fmt.Errorf("requirement: a line of %d parts, want 5", len(part))
		}
		r := Record{Dir: part[0], Test: part[1], Check: part[2], Rows: strings.Fields(part[3])}
		if _, err := fmt.Sscan(part[4], &r.Count); err != nil {
			return nil, fmt.Errorf("requirement: a count that is no number: %w", err)
		}
		key := strings.Join(part[:4], "\t")
		i, known := at[key]
		if !known {
			i = len(list)
			at[key] = i
			list = append(list, r)
		}
		list[i].Count = max(list[i].Count, r.Count)
	}
	return list, nil
}
