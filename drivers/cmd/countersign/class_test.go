package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/gss"
)

// examples has a code of each class, NoFault for none.
var examples = []struct {
	code  gss.Code
	exit  int
	level string
}{
	{gss.NoFault, 0, "INFO"},
	{gss.BadCredentials, 3, "INFO"},
	{gss.NotPermitted, 4, "INFO"},
	{gss.NotAuthentic, 5, "WARN"},
	{gss.QuestionFailed, 2, "WARN"},
	{gss.Bug, 6, "ERROR"},
}

// Every code that there is has a class with a row, and every class an example below.
func TestClassesAreComplete(t *testing.T) {
	for c := gss.NoFault; c.String() != "unknown fault"; c++ {
		if _, ok := classes[c.Class()]; !ok {
			t.Errorf("%v: the class %v has no row", c, c.Class())
		}
	}
	tried := map[gss.Class]bool{}
	for _, x := range examples {
		tried[x.code.Class()] = true
	}
	if len(tried) != len(classes) || len(tried) != len(examples) {
		t.Errorf("%d examples of %d classes, want one of each of %d", len(examples), len(tried), len(classes))
	}
}

// The exit code of get and the level of serve's line follow from the class.
func TestClassDecides(t *testing.T) {
	for _, x := range examples {
		f := gss.Fault{Code: x.code}
		var log bytes.Buffer
		r := httptest.NewRequest("GET", "/", nil)
		logRequests(slog.New(slog.NewJSONHandler(&log, nil)))(r, drive.Result{Fault: f})
		var line struct{ Level string }
		if err := json.Unmarshal(log.Bytes(), &line); err != nil || line.Level != x.level {
			t.Errorf("%v is logged as %q (%v), want the level %s", x.code, log.String(), err, x.level)
		}
		if f.IsZero() { // get has no failure then
			continue
		}
		for what, err := range map[string]error{"get": new(getOptions).failure(&drive.Error{Fault: f}), "kinit": exit{exitOf(f.Err()), f.Err()}} {
			if e, ok := err.(exit); !ok || e.code != x.exit {
				t.Errorf("%s ends with %+v after %v, want %d", what, err, x.code, x.exit)
			}
		}
	}
	broken := &drive.Error{Fault: gss.Fault{Code: gss.Refused}, Err: &drive.Loss{Err: os.ErrDeadlineExceeded}}
	if e, ok := new(getOptions).failure(broken).(exit); !ok || e.code != exitTransport {
		t.Errorf("get ends with %+v after an error of the connection, want %d", e, exitTransport)
	}
	if code := exitOf(os.ErrNotExist); code != exitTransport {
		t.Errorf("%d for what is no fault, want %d", code, exitTransport)
	}
}

// docs/errors.md shows the table as it is, and the help of get names each exit code.
func TestClassesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	names := map[gss.Class]string{gss.PeerRefused: "`PeerRefused`", gss.Policy: "`Policy`", gss.PeerMisbehaved: "`PeerMisbehaved`",
		gss.Environment: "`Environment`", gss.Internal: "`Internal`", gss.NoFault.Class(): "no fault"}
	var want, got []string
	for class, row := range classes {
		want = append(want, fmt.Sprintf("| %s | %d | %v |", names[class], row.exit, row.level))
	}
	_, table, _ := strings.Cut(string(page), "| Class | Exit code | Level |\n|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	for row := range strings.Lines(table) {
		got = append(got, strings.TrimSpace(row))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the table of docs/errors.md is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	help := strings.Join(strings.Fields(newGet().Long), " ")
	for class, row := range classes {
		if class != gss.NoFault.Class() && !strings.Contains(help, fmt.Sprintf("%d if", row.exit)) && !strings.Contains(help, fmt.Sprintf("%d for", row.exit)) {
			t.Errorf("the help of get does not say what exit code %d means", row.exit)
		}
	}
}
