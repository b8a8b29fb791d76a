package drive

import (
	"context"
	"io"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/gss"
)

// Ask asks a source, which may be nil or return nil. Drivers ask all questions of
// clients through it, because it also records the answers that opened a connection.
func Ask(ctx context.Context, s answer.Source, q gss.Question) (a gss.Answer) {
	if s != nil {
		a = s.Answer(ctx, q)
	}
	if a == nil {
		a = gss.Declined{}
	}
	for r := recorderOf(ctx); r != nil; r = r.outer {
		r.to.note(s, q, a)
	}
	return a
}

// BodyHash returns the answer to digest.NeedBodyHash for a body that is in memory.
func BodyHash(a digest.Algorithm, body []byte) gss.Answer {
	f, err := digest.For(a)
	if err != nil {
		return gss.Declined{}
	}
	return digest.BodyHash{Sum: f.BodyHash(body).String()}
}

// Drain reads and discards the rest of a body, up to max bytes. It reports false if
// more of the body may follow, which must not be read as the connection's next request.
// If the client waits for 100 (Continue), reading is what sends it.
func Drain(body io.Reader, max int64) bool {
	if body == nil {
		return true
	}
	_, err := io.CopyN(io.Discard, body, max+1)
	return err == io.EOF
}
