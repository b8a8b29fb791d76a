package nethttp

import (
	"bytes"
	"io"
	"net/http"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/gss"
)

// answerTo answers a question. Body hashes are computed here; all other questions are
// passed to the Source.
func (v *Visit) answerTo(q gss.Question) gss.Answer {
	if need, ok := q.(digest.NeedBodyHash); ok {
		var body []byte
		whole := false
		if need.Response {
			body, whole = v.ours.content(v.r.Method, v.result.Status)
		} else {
			v.sealed = true
			body, whole = v.body.read(v.r.Body)
		}
		if !whole {
			return gss.Declined{}
		}
		return drive.BodyHash(need.Algorithm, body)
	}
	return v.result.Ask(v.r.Context(), v.a.conf.Source, q)
}

// heldBody is a request's body, read ahead and then read again by the handler.
type heldBody struct {
	limit int64
	data  []byte
	taken bool // data was read from the body
	whole bool // data is the whole body
}

// read reads the body once, up to the limit. It reports false if the body is longer.
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

// reader returns the body for the handler: what was read ahead, then the rest.
func (h *heldBody) reader(body io.ReadCloser) io.ReadCloser {
	if len(h.data) == 0 {
		return body
	}
	return joined{io.MultiReader(bytes.NewReader(h.data), body), body}
}

// responseBody is what a handler has written when the machine is told of the response.
type responseBody struct {
	data  []byte
	whole bool
}

// content returns the body as the client receives it: none after HEAD, or with a status
// that allows no content (RFC 9110 section 6.4.1).
func (b responseBody) content(method string, status int) ([]byte, bool) {
	if method == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified {
		return nil, true
	}
	return b.data, b.whole
}
