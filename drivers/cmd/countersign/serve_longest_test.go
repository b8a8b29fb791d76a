package main

import (
	"strings"
	"testing"
)

// TestServeLongestToken: a token of 64 KiB, which Windows allows a ticket to have, comes to the scheme over each transport.
func TestServeLongestToken(t *testing.T) {
	cert, key := certificate(t)
	for _, transport := range transports {
		if transport == "http3" {
			continue // get has no token that long to send
		}
		s := serve(t, "--scheme", "negotiate", "--user", "alice:secret", "--transport", transport, "--tls-cert", cert, "--tls-key", key)
		call(t, "", "get", "-k", "-H", "Authorization: Negotiate "+strings.Repeat("A", 87_384), s.url).want(t, exitStatus, "", "401 Unauthorized")
	}
}
