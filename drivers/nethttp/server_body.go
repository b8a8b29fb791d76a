package nethttp

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/gss"
)

// answerTo answers a question: body hashes are made here, everything else is the
// source's.
func (x *exchange) answerTo(q gss.Question) gss.Answer {
	if need, ok := q.(digest.NeedBodyHash); ok {
		var body []byte
		whole := false
		if need.Response {
			body, whole = x.ours.content(x.r.Method, x.result.Status)
		} else {
			x.sealed = true
			body, whole = x.body.read(x.r.Body)
		}
		if !whole {
			return gss.Declined{}
		}
		return hashOf(need.Algorithm, body)
	}
	return ask(x.r.Context(), x.a.conf.Source, q)
}

// asker is what answer.Source is.
type asker interface {
	Answer(context.Context, gss.Question) gss.Answer
}

// ask asks a source, which may be nil or have nothing to say.
func ask(ctx context.Context, s asker, q gss.Question) gss.Answer {
	if s != nil {
		if a := s.Answer(ctx, q); a != nil {
			return a
		}
	}
	return gss.Declined{}
}

func hashOf(a digest.Algorithm, body []byte) gss.Answer {
	f, err := digest.For(a)
	if err != nil {
		return gss.Declined{}
	}
	return digest.BodyHash{Sum: f.BodyHash(body).String()}
}

// heldBody is a request's body read ahead, for the handler to read again.
type heldBody struct {
	limit int64
	data  []byte
	taken bool // data was read off the body
	whole bool // and is all of it
}

// read reads the body once, up to the limit; false if that is not all of it.
func (h *heldBody) read(body io.Reader) ([]byte, bool) {
	if !h.taken && body != nil {
		data, err := io.ReadAll(io.LimitReader(body, h.limit+1))
		h.data, h.whole = data, err == nil && int64(len(data)) <= h.limit
	} else if body == nil {
		h.whole = true
	}
	h.taken = true
	return h.data, h.whole
}

// reader is the body for the handler: what was read ahead, then the rest.
func (h *heldBody) reader(body io.ReadCloser) io.ReadCloser {
	if len(h.data) == 0 {
		return body
	}
	return joined{io.MultiReader(bytes.NewReader(h.data), body), body}
}

// responseBody is what a handler has written when the machine is told of it.
type responseBody struct {
	data  []byte
	whole bool
}

// content is the body as the client gets it: none after HEAD, nor with a status
// that has none (RFC 9110 section 6.4.1).
func (b responseBody) content(method string, status int) ([]byte, bool) {
	if method == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified {
		return nil, true
	}
	return b.data, b.whole
}

// drain reads up to max bytes of a body and throws them away. Where the client
// waits for 100 (Continue), reading is what sends it.
func drain(body io.Reader, max int64) {
	if body != nil {
		io.CopyN(io.Discard, body, max)
	}
}
