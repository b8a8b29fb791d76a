// Package demo shows every scheme in every role, over real connections on loopback. It
// prints what was observed: the messages as servers received and sent them, and diagrams of
// the steps that the machines recorded.
package demo

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/countersign-auth/countersign/machine/trace"
)

// result is the result of a row.
type result struct {
	number int
	row    *row
	parts  []part
	lines  []trace.Line
	got    string
}

// part is the result of one request.
type part struct {
	messages []message
	outcome  string // as the client reports it
}

func (r *result) ok() bool { return r.got == r.row.want }

// patience bounds the time of a row, so that the demo ends even if an exchange hangs.
const patience = 30 * time.Second

const intro = `Every scheme in every role, over real connections on loopback: the messages of each
exchange, with an explanation below each field.

`

// Run runs every row and writes the results to w: transcripts and a table, or with mermaid a
// sequence diagram for each row. It reports whether all results are as expected. The error
// is for failures of the set-up.
func Run(ctx context.Context, w io.Writer, mermaid bool) (bool, error) {
	return run(ctx, w, mermaid, rows())
}

func run(ctx context.Context, w io.Writer, mermaid bool, rows []*row) (bool, error) {
	cert, err := newCertificate()
	if err != nil {
		return false, err
	}
	if !mermaid {
		fmt.Fprint(w, intro)
	}
	good := true
	var results []*result
	for i, row := range rows {
		r, err := play(ctx, row, cert)
		if err != nil {
			return false, fmt.Errorf("%s: %w", row.name, err)
		}
		r.number = i + 1
		results = append(results, r)
		good = good && r.ok()
		if mermaid {
			r.mermaid(w)
		} else {
			r.print(w)
		}
	}
	if !mermaid {
		table(w, results)
	}
	return good, nil
}

// play runs one row.
func play(ctx context.Context, row *row, cert *certificate) (*result, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s, err := newStage(row, cert)
	if err != nil {
		return nil, err
	}
	defer s.close()
	r := &result{row: row}
	var got []string
	seen := 0
	for _, q := range row.requests {
		outcome, err := s.do(ctx, q)
		if err != nil {
			return nil, err
		}
		p := part{s.tape.all()[seen:], outcome}
		seen += len(p.messages)
		r.parts = append(r.parts, p)
		got = append(got, statuses(p.messages)+" "+outcome)
	}
	r.got = strings.Join(got, " + ")
	if row.saw != nil {
		r.got += "; " + row.saw(s.tape.all())
	}
	r.lines = s.tape.lines()
	return r, nil
}

// statuses returns the statuses that the client received.
func statuses(ms []message) string {
	var out []string
	for _, m := range ms {
		if m.status != 0 && m.to == client {
			out = append(out, fmt.Sprint(m.status))
		}
	}
	return strings.Join(out, " ")
}
