// Package prooftest judges proofs of Digest by the words of RFC 2617 and RFC 7616 alone, so that
// tests do not judge this module by itself. It is for tests.
package prooftest

import (
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
)

var parameter = regexp.MustCompile(`([\w*-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))`)

// Parameters returns the parameters of a field's credentials, as they stand there.
func Parameters(field string) map[string]string {
	list := make(map[string]string)
	for _, m := range parameter.FindAllStringSubmatch(field, -1) {
		list[m[1]] = m[2] + m[3]
	}
	return list
}

// Proves reports whether the value of an Authorization field has the response of RFC 7616 section 3.4.1 for a
// user and a request, by MD5 or SHA-256; without qop that of RFC 2069 section 2.1.2.
func Proves(field, method, uri, user, password string) bool {
	p := Parameters(field)
	h := func(parts ...string) string {
		text := []byte(strings.Join(parts, ":"))
		if strings.EqualFold(p["algorithm"], "SHA-256") {
			return fmt.Sprintf("%x", sha256.Sum256(text))
		}
		return fmt.Sprintf("%x", md5.Sum(text))
	}
	secret, request := h(user, p["realm"], password), h(method, p["uri"])
	want := h(secret, p["nonce"], request)
	if p["qop"] != "" {
		want = h(secret, p["nonce"], p["nc"], p["cnonce"], p["qop"], request)
	}
	return strings.HasPrefix(field, "Digest ") && p["username"] == user && p["uri"] == uri && p["response"] == want
}
