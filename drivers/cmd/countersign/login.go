package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/countersign-auth/countersign/drivers/internal/netrc"
)

// The environment variables with passwords for the names that flags give without one.
const (
	passwordVariable      = "COUNTERSIGN_PASSWORD"
	proxyPasswordVariable = "COUNTERSIGN_PROXY_PASSWORD"
)

// maxPassword bounds the line that a password is read from, in bytes.
const maxPassword = 4096

// logins reads the passwords that need not stand on the command line, where other users of the
// machine see them.
type logins struct {
	in     *bufio.Reader // standard input
	tty    int           // its file descriptor if it is a terminal, -1 if not
	taken  string        // what else reads standard input, "" for nothing
	prompt io.Writer
	netrc  netrc.File
	had    map[string]string // what was entered, by variable and name: it is asked for once
	names  map[string]string // for which a variable was read, by variable: it is one user's password
}

// Format implements fmt.Formatter. It hides the passwords.
func (l logins) Format(f fmt.State, _ rune) { io.WriteString(f, "logins") } // SECRET-1

func newLogins(cmd *cobra.Command) *logins {
	l := &logins{in: bufio.NewReaderSize(cmd.InOrStdin(), maxPassword), tty: -1, prompt: cmd.ErrOrStderr(), had: map[string]string{}, names: map[string]string{}}
	if f, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		l.tty = int(f.Fd())
	}
	return l
}

// of returns the name and the password of a flag's value: NAME:PASSWORD, NAME:@FILE for the
// first line of a file, or NAME alone, with the password that find returns for it. The error
// names the flag and repeats nothing of its value.
func (l *logins) of(flag, value, host, variable string) (name, password string, err error) {
	name, password, whole := strings.Cut(value, ":")
	if name == "" {
		return "", "", fmt.Errorf("%s: expected NAME, NAME:PASSWORD or NAME:@FILE", flag)
	}
	if file, ok := strings.CutPrefix(password, "@"); ok {
		password, err = fromFile(file)
	} else if !whole {
		password, err = l.find(name, host, variable)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", flag, err)
	}
	return name, password, err
}

// find returns the password of a name that has none on the command line: that of the netrc file
// for the host, or else of the environment variable, or else what is entered.
func (l *logins) find(name, host, variable string) (string, error) { // SECRET-4
	if host != "" {
		if _, password, ok := l.netrc.Find(host, name); ok {
			return password, nil
		}
	}
	if password := os.Getenv(variable); password != "" {
		if other, ok := l.names[variable]; ok && other != name { // it would be shown to another user's server
			return "", fmt.Errorf("%s is one user's password, and several have none; give NAME:@FILE for each", variable)
		}
		l.names[variable] = name
		return password, nil
	}
	key := variable + " " + name
	if password, ok := l.had[key]; ok {
		return password, nil
	}
	password, err := l.enter(name, variable)
	if err == nil {
		l.had[key] = password
	}
	return password, err
}

// enter prompts for a password on a terminal, and otherwise reads the next line of standard
// input.
func (l *logins) enter(name, variable string) (string, error) {
	if l.tty >= 0 {
		fmt.Fprintf(l.prompt, "Password for %s: ", name)
		b, err := term.ReadPassword(l.tty)
		fmt.Fprintln(l.prompt)
		return string(b), err
	}
	if l.taken != "" {
		return "", fmt.Errorf("no password for it: standard input is for %s; set %s, or give NAME:@FILE", l.taken, variable)
	}
	line, err := firstLine(l.in)
	if errors.Is(err, io.EOF) {
		return "", fmt.Errorf("no password for it: enter one on standard input, set %s, or give NAME:@FILE", variable)
	}
	return line, err
}

// fromFile returns the first line of a file. The error does not repeat the file's name, which
// may be a password that begins with @.
func fromFile(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err
		}
		return "", fmt.Errorf("the file of the password, named after @, cannot be opened: %w", err)
	}
	defer f.Close()
	line, err := firstLine(bufio.NewReaderSize(f, maxPassword))
	if errors.Is(err, io.EOF) {
		return "", errors.New("the file of the password, named after @, is empty")
	}
	return line, err
}

// firstLine returns the next line of a reader, io.EOF if there is none.
func firstLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	if errors.Is(err, io.EOF) && len(line) > 0 {
		err = nil
	}
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", fmt.Errorf("the password's line is longer than %d bytes", maxPassword)
	}
	return strings.TrimRight(string(line), "\r\n"), err
}

// netrcFlag returns the flag that names a netrc file, "" for the user's own.
func netrcFlag(file string) string {
	if file != "" {
		return "--netrc-file"
	}
	return "--netrc"
}

// readNetrc reads a netrc file; "" stands for the user's own, which $NETRC or the home folder
// has.
func (l *logins) readNetrc(file string) error {
	if file = cmp.Or(file, os.Getenv("NETRC")); file == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return err
		}
		file = filepath.Join(home, ".netrc")
		if runtime.GOOS == "windows" {
			file = filepath.Join(home, "_netrc")
		}
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if l.netrc, err = netrc.Parse(f); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
