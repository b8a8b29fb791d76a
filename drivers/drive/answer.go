package drive

import (
	"context"
	"io"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/gss"
)

// Ask asks a source, which may be nil or have nothing to say.
func Ask(ctx context.Context, s answer.Source, q gss.Question) gss.Answer {
	if s != nil {
		if a := s.Answer(ctx, q); a != nil {
			return a
		}
	}
	return gss.Declined{}
}

// BodyHash answers digest.NeedBodyHash for a body that is in memory.
func BodyHash(a digest.Algorithm, body []byte) gss.Answer {
	f, err := digest.For(a)
	if err != nil {
		return gss.Declined{}
	}
	return digest.BodyHash{Sum: f.BodyHash(body).String()}
}

// Drain reads up to max bytes of a body and throws them away. Where the client
// waits for 100 (Continue), reading is what sends it.
func Drain(body io.Reader, max int64) {
	if body != nil {
		io.CopyN(io.Discard, body, max)
	}
}
