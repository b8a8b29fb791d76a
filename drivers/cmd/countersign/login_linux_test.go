package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// terminal returns both ends of a pseudo-terminal.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	var unlock, n int32
	for request, value := range map[uintptr]*int32{syscall.TIOCSPTLCK: &unlock, syscall.TIOCGPTN: &n} {
		if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), request, uintptr(unsafe.Pointer(value))); e != 0 {
			t.Fatal(e)
		}
	}
	if slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

// TestPasswordPrompt: on a terminal the password is asked for, and is not shown.
func TestPasswordPrompt(t *testing.T) {
	s := serve(t, "--user", "alice:"+canary)
	master, slave := terminal(t)
	shown := make(chan string, 1)
	go func() {
		var b bytes.Buffer
		io.Copy(&b, master) // ends with an error once the terminal is closed
		shown <- b.String()
	}()
	var out bytes.Buffer
	asked := &prompted{then: func() {
		for echoes(t, slave) {
			time.Sleep(time.Millisecond)
		}
		io.WriteString(master, canary+"\n")
	}}
	code := run(t.Context(), []string{"get", "-u", "alice", s.url}, slave, &out, asked)
	if code != 0 || !strings.Contains(out.String(), "hello alice") || asked.String() != "Password for alice: \n" {
		t.Errorf("exit code %d, %q, asked %q", code, out.String(), asked)
	}
	slave.Close()
	master.Close()
	if strings.Contains(<-shown, canary) {
		t.Error("the terminal shows the password")
	}
}

// echoes reports whether a terminal shows what is entered.
func echoes(t *testing.T, tty *os.File) bool {
	var s syscall.Termios
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, tty.Fd(), syscall.TCGETS, uintptr(unsafe.Pointer(&s))); e != 0 {
		t.Error(e)
		return false
	}
	return s.Lflag&syscall.ECHO != 0
}

// prompted calls a function once a prompt is written.
type prompted struct {
	bytes.Buffer
	then func()
}

func (p *prompted) Write(b []byte) (int, error) {
	if p.then != nil {
		go p.then()
		p.then = nil
	}
	return p.Buffer.Write(b)
}
