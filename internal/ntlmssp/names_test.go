package ntlmssp

import "testing"

func TestSplitUser(t *testing.T) {
	for _, row := range [][3]string{
		{`EXAMPLE\alice`, "alice", "EXAMPLE"}, {"EXAMPLE/alice", "alice", "EXAMPLE"}, {"alice@example.com", "alice@example.com", ""},
		{`\alice`, "alice", ""}, {"/alice", "alice", ""}, {"alice", "alice", ""}, {"", "", ""}, {`A\b\c`, `b\c`, "A"}, {`A\b/c`, "b/c", "A"},
	} {
		if user, domain := SplitUser(row[0]); user != row[1] || domain != row[2] {
			t.Errorf("%q is user %q in domain %q", row[0], user, domain)
		}
	}
}
