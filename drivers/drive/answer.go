package drive

import (
	"context"
	"io"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/gss"
)

// Ask asks a source, which may be nil or have nothing to say. Drivers put all
// questions of clients through it: it notes what a connection is opened by.
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

// BodyHash answers digest.NeedBodyHash for a body that is in memory.
func BodyHash(a digest.Algorithm, body []byte) gss.Answer {
	f, err := digest.For(a)
	if err != nil {
		return gss.Declined{}
	}
	return digest.BodyHash{Sum: f.BodyHash(body).String()}
}

// Drain reads what is left of a body, up to max bytes, and throws it away. False says that there may be
// more, which must not be taken for the connection's next request. Where the client waits for
// 100 (Continue), reading is what sends it.
func Drain(body io.Reader, max int64) bool {
	if body == nil {
		return true
	}
	_, err := io.CopyN(io.Discard, body, max+1)
	return err == io.EOF
}
