package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"github.com/countersign-auth/countersign/drivers/cmd/countersign/internal/explain"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/internal/bound"
	"github.com/countersign-auth/countersign/kerberos/keytab"
)

func newExplain() *cobra.Command {
	var asJSON bool
	var keys string
	cmd := &cobra.Command{
		Use:   "explain [TEXT…|-]",
		Short: "Explain a header field or a token",
		Long: `Explain describes each TEXT: a field line of HTTP authentication with its name, a
field value, or a token in base64. Without TEXT, or for "-", it reads one text per
line from standard input. Passwords are shown as ***.
With --keytab it also describes the contents of Kerberos tickets for that service.

Malformed and unknown parts are reported on standard error with their byte offset in
the text, counted from 0; the exit code is then 1.

With --json it prints one line of JSON for each text: text (its number), tree
(name, value, note, offset, children) and faults (offset, reason).`,
		Example: `  countersign explain 'WWW-Authenticate: Digest realm="api", nonce="x", Negotiate'
  countersign explain TlRMTVNTUAABAAAA
  curl -si http://127.0.0.1:8080/ | grep -i authenticate | countersign explain -`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return explainAll(cmd, args, asJSON, keys)
		},
	}
	cmd.Flags().StringVar(&keys, "keytab", "", "`FILE` with a service's keys, to decrypt and explain Kerberos tickets")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, one line for each text")
	return cmd
}

// explainAll explains all texts, and returns an error if there are faults.
func explainAll(cmd *cobra.Command, args []string, asJSON bool, keys string) error {
	var opener *keytab.Keytab
	if keys != "" {
		path, err := krb5.KeytabPath(keys)
		if err != nil {
			return exit{exitUsage, fmt.Errorf("--keytab: %w", err)}
		}
		if opener, err = (&krb5.Keytab{Path: path}).Load(); err != nil {
			return exit{exitTransport, fmt.Errorf("--keytab: %w", err)}
		}
	}
	broken := false
	n := 0
	for text, err := range texts(args, cmd.InOrStdin()) {
		if err != nil {
			return exit{exitUsage, fmt.Errorf("text %d: %w", n+1, err)}
		}
		n++
		e := explain.Text(text)
		if opener != nil {
			e.Open(opener)
		}
		if err := printOne(cmd.OutOrStdout(), n, &e, asJSON); err != nil {
			return exit{exitTransport, err}
		}
		for _, f := range e.Faults {
			broken = true
			fmt.Fprintf(cmd.ErrOrStderr(), "countersign: text %d, %v\n", n, f)
		}
	}
	switch {
	case n == 0:
		return usage("nothing to explain: give a header field, its value or a token")
	case broken:
		return exit{code: exitUsage}
	}
	return nil
}

// printOne prints the explanation of text n.
func printOne(w io.Writer, n int, e *explain.Explanation, asJSON bool) error {
	if !asJSON {
		return e.Print(w)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(struct {
		Text int `json:"text"`
		*explain.Explanation
	}{n, e})
}

// maxLine bounds a line of input. It is larger than a field may be, so that explain.Text
// reports fields that are too long.
const maxLine = 2 * bound.Text

// texts returns the arguments, with the lines of stdin in place of "-", or only these if
// there are no arguments.
func texts(args []string, stdin io.Reader) iter.Seq2[string, error] {
	if len(args) == 0 {
		args = []string{"-"}
	}
	return func(yield func(string, error) bool) {
		for _, arg := range args {
			if arg != "-" {
				if !yield(arg, nil) {
					return
				}
				continue
			}
			lines := bufio.NewScanner(stdin)
			lines.Buffer(nil, maxLine)
			for lines.Scan() {
				if line := lines.Text(); strings.TrimSpace(line) != "" && !yield(line, nil) {
					return
				}
			}
			if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
				yield("", fmt.Errorf("offset %d: a line of input is too long", maxLine))
			} else if err != nil {
				yield("", err)
			}
		}
	}
}
