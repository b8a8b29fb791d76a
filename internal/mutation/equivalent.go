package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// equivalents is the file, below the root, that lists mutants that change nothing that a
// caller or a peer could see. An entry is
//
//	machine/client.go Client.Step #2
//	- the line as it stands
//	+ the line as the mutant has it, or nothing
//	Why it changes nothing.
//
// where #2 is the second of those that look the same in that function. Lines that begin with
// "# " do not count.
const equivalents = "internal/mutation/testdata/equivalent.txt"

// loadEquivalents reads that file: the reason of each site.
func loadEquivalents(root string) (map[Site]string, error) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(equivalents)))
	if err != nil {
		return nil, err
	}
	return parseEquivalents(string(text))
}

func parseEquivalents(text string) (map[Site]string, error) {
	listed := map[Site]string{}
	for entry := range strings.SplitSeq(text, "\n\n") {
		var lines []string
		for line := range strings.SplitSeq(entry, "\n") {
			if line != "" && !strings.HasPrefix(line, "# ") {
				lines = append(lines, line)
			}
		}
		if len(lines) == 0 {
			continue
		}
		s, ok := parseSite(lines)
		if !ok {
			return nil, fmt.Errorf("%s: this is no entry:\n%s", equivalents, strings.Join(lines, "\n"))
		}
		listed[s] = strings.Join(lines[3:], " ")
	}
	return listed, nil
}

// parseSite reads the first three lines of an entry.
func parseSite(lines []string) (s Site, ok bool) {
	if len(lines) < 4 {
		return s, false
	}
	head := strings.Fields(lines[0])
	switch len(head) {
	case 2:
		s.Nth = 1
	case 3:
		number, is := strings.CutPrefix(head[2], "#")
		n, err := strconv.Atoi(number)
		if !is || err != nil {
			return s, false
		}
		s.Nth = n
	default:
		return s, false
	}
	s.File, s.Func = head[0], head[1]
	old, isOld := strings.CutPrefix(lines[1], "- ")
	s.Old, s.New = old, strings.TrimPrefix(strings.TrimPrefix(lines[2], "+"), " ")
	return s, isOld && strings.HasPrefix(lines[2], "+")
}
