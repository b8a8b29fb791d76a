package ccache

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
)

// maxCredentials credentials in maxSize bytes are read, and one more of either is not (L9).
func TestBounds(t *testing.T) {
	c := cred("alice", "HTTP/www", 1000)
	head := string(New(c.Client).Append(nil))
	one := string(New(c.Client, c).Append(nil))[len(head):]
	c.Ticket = strings.Repeat("t", maxSize-len(head)-len(one)+len(c.Ticket))
	long := string(New(c.Client, c).Append(nil))
	if len(long) != maxSize {
		t.Fatalf("a file of %d bytes", len(long))
	}
	for name, test := range map[string]struct {
		file string
		want gss.Code
	}{
		"MaxCredentials":           {head + strings.Repeat(one, maxCredentials), gss.NoFault},
		"more than MaxCredentials": {head + strings.Repeat(one, maxCredentials+1), gss.Malformed},
		"MaxSize":                  {long, gss.NoFault},
	} {
		if _, fault := Parse(test.file); fault.Code != test.want {
			t.Errorf("%s: %v", name, fault)
		}
	}
	c.Ticket += "t"
	if _, fault := Parse(string(New(c.Client, c).Append(nil))); fault.Code != gss.Malformed {
		t.Errorf("more than MaxSize: %v", fault)
	}
}
