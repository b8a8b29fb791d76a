package ntlm

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

func TestParseKey(t *testing.T) {
	for text, want := range map[string]bool{"A4F49C406510BDCAB6824EE7C30FD852": true, "a4f49c406510bdcab6824ee7c30fd852": true,
		"": false, "XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX": false, "a4f49c406510bdcab6824ee7c30fd8": false, "a4f49c406510bdcab6824ee7c30fd85200": false} {
		if k, ok := ParseKey(text); ok != want || ok && k != ntowfv1(specPassword) {
			t.Errorf("%s: %v", text, ok)
		}
	}
}
