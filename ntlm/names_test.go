package ntlm

import "testing"

func TestParseKey(t *testing.T) {
	for text, want := range map[string]bool{"A4F49C406510BDCAB6824EE7C30FD852": true, "a4f49c406510bdcab6824ee7c30fd852": true,
		"": false, "XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX": false, "a4f49c406510bdcab6824ee7c30fd8": false, "a4f49c406510bdcab6824ee7c30fd85200": false} {
		if k, ok := ParseKey(text); ok != want || ok && k != ntowfv1(specPassword) {
			t.Errorf("%s: %v", text, ok)
		}
	}
}
