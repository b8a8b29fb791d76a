// Package smuggle provides messages of HTTP/1.1 that two readers may read differently, and says what an exact
// reader (RFC 9112) makes of each. It is for tests only.
package smuggle

import (
	"fmt"
	"strings"
)

// Verdict is what an exact reader makes of a message.
type Verdict int

const (
	// Whole: it is one request, with the body that the case says.
	Whole Verdict = iota
	// Refused: it is no request. The connection ends with a response, if there is one, that says so.
	Refused
	// Either: it may be read as Whole or refused.
	Either
	// Broken: its head is sound, its body is not. It reaches no handler as a whole one, and the
	// connection ends.
	Broken
	// Breaks: its body may be read as Whole or taken for broken.
	Breaks
)

// Case is one message, without its request line, Host and credentials.
type Case struct {
	Name    string
	Fields  string // the lines that frame the body, each with its end
	Sent    string // what stands behind the head
	Verdict Verdict
	Body    string   // the request's, where it is read as whole
	Then    []string // the paths of further requests in Sent, of which the first one's body is not a part
	Ends    bool     // its sender sends no more: what follows would belong to it
}

// Path is where no request is for: only the bodies of others say so.
const Path = "/admin"

// hidden returns a request to hide within a body, with valid Basic credentials.
func hidden(basic string) string {
	return "GET " + Path + " HTTP/1.1\r\nHost: elsewhere\r\nAuthorization: " + basic + "\r\nProxy-Authorization: " + basic + "\r\n\r\n"
}

// Cases returns the messages. basic are Basic credentials that are right; second is a whole request for
// the path /second.
func Cases(basic, second string) []Case {
	inner := hidden(basic)
	length := func(n int) string { return fmt.Sprintf("Content-Length: %d\r\n", n) }
	const chunked = "Transfer-Encoding: chunked\r\n"
	const last = "0\r\n\r\n"
	chunk := func(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }
	whole := chunk(inner) + last
	const hello = "5\r\nhello\r\n0\r\n\r\n"
	cases := []Case{
		{Name: "no body"},
		{Name: "a length", Fields: length(len(inner)), Sent: inner, Body: inner},
		{Name: "a length longer than what comes", Fields: length(len(inner) + 9), Sent: inner, Verdict: Broken, Ends: true},
		{Name: "a length shorter than what comes", Fields: length(5), Sent: "hello" + second, Body: "hello", Then: []string{"/second"}},
		{Name: "no length, and a second request", Sent: second, Then: []string{"/second"}},
		{Name: "a length of 0, and a second request", Fields: length(0), Sent: second, Then: []string{"/second"}},
		{Name: "two equal lengths", Fields: length(len(inner)) + length(len(inner)), Sent: inner, Verdict: Either, Body: inner},
		{Name: "two lengths, the shorter first", Fields: length(5) + length(5+len(inner)), Sent: "hello" + inner, Verdict: Refused},
		{Name: "two lengths, the longer first", Fields: length(5+len(inner)) + length(5), Sent: "hello" + inner, Verdict: Refused},
		{Name: "a list of equal lengths", Fields: fmt.Sprintf("Content-Length: %d, %[1]d\r\n", len(inner)), Sent: inner, Verdict: Either, Body: inner},
		{Name: "a list of lengths", Fields: fmt.Sprintf("Content-Length: 0, %d\r\n", len(inner)), Sent: inner, Verdict: Refused},
		{Name: "a length and chunks", Fields: length(len(whole)) + chunked, Sent: whole, Verdict: Breaks, Body: inner},
		{Name: "chunks and a length of 0", Fields: chunked + length(0), Sent: whole, Verdict: Breaks, Body: inner},
		{Name: "chunks and a length that is none", Fields: chunked + "Content-Length: x\r\n", Sent: whole, Verdict: Breaks, Body: inner},
		{Name: "chunks", Fields: chunked, Sent: whole, Body: inner},
		{Name: "chunks of a byte each", Fields: chunked, Sent: "1\r\nh\r\n1\r\ni\r\n" + last, Body: "hi"},
		{Name: "no chunk", Fields: chunked, Sent: last + second, Then: []string{"/second"}},
		{Name: "chunks with an extension", Fields: chunked, Sent: "5;a=b;c=\"d;e\"\r\nhello\r\n0;f\r\n\r\n", Body: "hello"},
		{Name: "a chunk extension without end", Fields: chunked, Sent: "5;" + strings.Repeat("a", 64<<10) + "\r\nhello\r\n" + last, Verdict: Breaks, Body: "hello"},
		{Name: "chunks without a last one", Fields: chunked, Sent: chunk(inner), Verdict: Broken, Ends: true},
		{Name: "a chunk that is longer than its size", Fields: chunked, Sent: "5\r\nhello" + inner + "\r\n" + last, Verdict: Broken},
		{Name: "a chunk that ends with LF", Fields: chunked, Sent: "5\r\nhello\n" + last, Verdict: Breaks, Body: "hello"},
		{Name: "a chunk that ends with CR", Fields: chunked, Sent: "5\r\nhello\r" + last, Verdict: Broken},
		{Name: "a chunk size that ends with LF", Fields: chunked, Sent: "5\nhello\r\n" + last, Verdict: Breaks, Body: "hello"},
		{Name: "a chunk extension with LF", Fields: chunked, Sent: fmt.Sprintf("2;\nxx\r\n%x\r\n0\r\n\r\n%s\r\n%s", len(inner)+5, inner, last), Verdict: Broken},
		{Name: "a trailer with credentials", Fields: chunked + "Trailer: Authorization\r\n", Sent: "5\r\nhello\r\n0\r\nAuthorization: " + basic + "\r\nProxy-Authorization: " + basic + "\r\n\r\n", Verdict: Breaks, Body: "hello"},
		{Name: "a trailer of framing", Fields: chunked, Sent: "5\r\nhello\r\n0\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\nHost: elsewhere\r\n\r\n", Verdict: Breaks, Body: "hello"},
		{Name: "a request in place of a trailer", Fields: chunked, Sent: "5\r\nhello\r\n0\r\n" + inner, Verdict: Breaks, Body: "hello"},
		{Name: "an obsolete fold before the length", Fields: "X-Field: a\r\n b\r\n" + length(5), Sent: "hello", Verdict: Either, Body: "hello"},
		{Name: "a length behind a fold", Fields: "Content-Length:\r\n 5\r\n", Sent: "hello", Verdict: Either, Body: "hello"},
		{Name: "chunks behind a fold", Fields: "Transfer-Encoding:\r\n chunked\r\n", Sent: hello, Verdict: Either, Body: "hello"},
		{Name: "a length that is folded into another field", Fields: "X-Field: a\r\n Content-Length: 5\r\n", Sent: second, Verdict: Either, Then: []string{"/second"}},
		{Name: "lines that end with LF", Fields: "X-Field: a\nContent-Length: 5\n", Sent: "hello", Verdict: Either, Body: "hello"},
		{Name: "a length behind CR", Fields: "X-Field: a\rContent-Length: 5\r\n", Sent: second, Verdict: Either, Then: []string{"/second"}},
		{Name: "a NUL in a field", Fields: "X-Field: a\x00b\r\n" + length(5), Sent: "hello", Verdict: Either, Body: "hello"},
		{Name: "a NUL in a name", Fields: "X-Fie\x00ld: a\r\n" + length(5), Sent: "hello", Verdict: Refused},
		{Name: "a name with a space", Fields: "X Field: a\r\n" + length(5), Sent: "hello", Verdict: Either, Body: "hello"},
		{Name: "a field without a name", Fields: ": a\r\n" + length(5), Sent: "hello", Verdict: Refused},
		{Name: "a line without a colon", Fields: "nothing\r\n" + length(5), Sent: "hello", Verdict: Refused},
		{Name: "100-continue, and the body at once", Fields: "Expect: 100-continue\r\n" + length(len(inner)), Sent: inner, Verdict: Breaks, Body: inner},
		{Name: "100-continue, and chunks at once", Fields: "Expect: 100-continue\r\n" + chunked, Sent: whole, Verdict: Breaks, Body: inner},
		{Name: "another expectation", Fields: "Expect: the-unexpected\r\n" + length(5), Sent: "hello", Verdict: Either, Body: "hello"},
		{Name: "a length for one hop", Fields: "Connection: content-length\r\n" + length(len(inner)), Sent: inner, Body: inner},
		{Name: "chunks for one hop", Fields: "Connection: transfer-encoding\r\n" + chunked, Sent: whole, Body: inner},
		{Name: "an upgrade that has a body", Fields: "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n" + length(len(inner)), Sent: inner, Verdict: Either, Body: inner},
		{Name: "a second Host", Fields: "Host: elsewhere\r\n" + length(5), Sent: "hello", Verdict: Refused},
		{Name: "a length by another name", Fields: "Content_Length: 99\r\n" + length(5), Sent: "hello", Body: "hello"},
		{Name: "chunks by another name", Fields: "Transfer_Encoding: chunked\r\n" + length(len(whole)), Sent: whole, Body: whole},
		{Name: "an empty length beside chunks", Fields: "Content-Length: \r\n" + chunked, Sent: hello, Verdict: Breaks, Body: "hello"},
	}
	for _, n := range []string{"+5", "-5", "-0", "0x5", "5 5", "5;", "5,", "5.0", "\"5\"", "five", "", "5\x00", "5\x0b", "99999999999999999999", "9223372036854775808", "\xef\xbc\x95"} {
		c := Case{Name: fmt.Sprintf("the length %q", n), Fields: "Content-Length: " + n + "\r\n", Sent: "hello", Verdict: Refused}
		if n == "5," {
			c.Verdict, c.Body = Either, "hello" // a list of one
		}
		cases = append(cases, c)
	}
	for _, n := range []string{"zz", "-5", "+5", "0x5", " 5", "", ";5", "5g", "fffffffffffffffff", "10000000000000005", "5\x00", "5 5"} {
		cases = append(cases, Case{Name: fmt.Sprintf("the chunk size %q", n), Fields: chunked, Sent: n + "\r\nhello\r\n" + last, Verdict: Broken})
	}
	for _, n := range []string{"7fffffffffffffff", "8000000000000000", "ffffffffffffffff", "fffffffffffffffa"} { // its data never come
		cases = append(cases, Case{Name: fmt.Sprintf("the chunk size %q", n), Fields: chunked, Sent: n + "\r\n" + inner, Verdict: Broken, Ends: true})
	}
	for _, n := range []string{"5 ", "5\t", "005", "00000000000000000005"} { // white space, or too long for some
		cases = append(cases, Case{Name: fmt.Sprintf("the chunk size %q", n), Fields: chunked, Sent: n + "\r\nhello\r\n" + last, Verdict: Breaks, Body: "hello"})
	}
	for _, coding := range []string{"identity", "chunked, chunked", "chunked, identity", "identity, chunked", "gzip, chunked", "gzip", "xchunked", "chunkedx", "\"chunked\"", "chunked;q=1", "chunked\x0b", "\x0bchunked", "chun ked", "chunked\r\nTransfer-Encoding: chunked", "identity\r\nTransfer-Encoding: chunked", "chunked\r\nTransfer-Encoding: identity", ""} {
		cases = append(cases,
			Case{Name: fmt.Sprintf("the coding %q", coding), Fields: "Transfer-Encoding: " + coding + "\r\n", Sent: hello, Verdict: Refused},
			Case{Name: fmt.Sprintf("the coding %q and a length", coding), Fields: "Transfer-Encoding: " + coding + "\r\n" + length(len(hello)), Sent: hello, Verdict: Refused})
	}
	for _, line := range []string{"Transfer-Encoding : chunked", "Transfer-Encoding\t: chunked", "Transfer-Encoding\x00: chunked", " Transfer-Encoding: chunked", "Content-Length : 15", "Content-Length\x00: 15"} {
		c := Case{Name: fmt.Sprintf("the line %q", line), Fields: line + "\r\n" + length(len(hello)), Sent: hello, Verdict: Refused}
		if line[0] == ' ' { // a fold
			c.Verdict, c.Body = Either, hello
		}
		cases = append(cases, c)
	}
	for _, line := range []string{"Transfer-Encoding:chunked", "Transfer-Encoding:   chunked", "Transfer-Encoding: \tchunked", "Transfer-Encoding: chunked \t", "TRANSFER-encoding: CHUNKED"} {
		cases = append(cases, Case{Name: fmt.Sprintf("the line %q", line), Fields: line + "\r\n", Sent: hello, Body: "hello"})
	}
	for _, line := range []string{"Transfer-Encoding: ,chunked", "Transfer-Encoding: chunked,", "Transfer-Encoding: chunked, "} { // with empty elements
		cases = append(cases, Case{Name: fmt.Sprintf("the line %q", line), Fields: line + "\r\n", Sent: hello, Verdict: Either, Body: "hello"})
	}
	return cases
}
