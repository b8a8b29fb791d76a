package drive

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/countersign-auth/countersign/drivers/internal/hidden"
	"github.com/countersign-auth/countersign/gss"
)

// Error describes why an exchange ended without a usable response. It unwraps to the
// error of its Fault, so that errors.Is finds its gss.Code and gss.Class, and to Err.
type Error struct {
	// Side is the side on which authentication failed, and Proxy the proxy's host:port if
	// that is the proxy.
	Side  gss.Side
	Proxy string
	// Fault is the reason. It is zero if authentication did not fail but a proxy
	// refused to open a tunnel, with Status.
	Fault gss.Fault
	// Tried lists the schemes that were tried, strongest first.
	Tried string
	// Reasons describes why each scheme that was offered was given up or passed over. It
	// contains no text of the peer.
	Reasons string
	// Status is the status of the last response, 0 if there was none.
	Status int
	// Err is what the driver knew beside the Fault, nil if that was nothing: what sources
	// said by answer.Explain of questions that they did not answer, and a [*Loss] if the
	// connection failed rather than the credentials. errors.Is and errors.As reach each.
	Err error

	tunnel bool // the request was a CONNECT
}

// Error implements error.
func (e *Error) Error() string { // LEG-1, LEG-2
	at := ""
	if e.Proxy != "" {
		at = " at " + e.Proxy
	}
	if e.Fault.IsZero() { // the proxy's content is left out: it could be taken for the origin's
		return fmt.Sprintf("connect: the proxy%s answered %d and opened no tunnel", at, e.Status)
	}
	text, notes := e.Fault.String(), []string(nil)
	if e.Status != 0 {
		notes = append(notes, fmt.Sprintf("status %d", e.Status))
	}
	switch several := strings.Contains(e.Reasons, "; "); { // nothing is said twice
	case several && strings.Contains(e.Reasons, e.Fault.Detail):
		text = e.Reasons
		if !strings.Contains(text, e.Fault.Code.String()) {
			text = e.Fault.Code.String() + ": " + text
		}
	case several, e.Reasons != "" && !strings.Contains(e.Reasons, e.Fault.Detail):
		notes = append(notes, "before that "+e.Reasons)
	case e.Tried != "" && !strings.Contains(strings.ToLower(text), strings.ToLower(e.Tried)):
		notes = append(notes, "tried "+e.Tried)
	}
	s := fmt.Sprintf("%v authentication%s: %s", e.Side, at, text)
	if len(notes) > 0 {
		s += " (" + strings.Join(notes, ", ") + ")"
	}
	if e.Err != nil {
		s += ": " + hidden.Redact(e.Err.Error())
	}
	return s
}

// Deliverable reports whether the last response of the exchange may be shown to the
// application in place of the error: it is the 401 or 407 of the side that refused. It is
// not where the connection was lost after it, where the peer is not authentic, and where
// a proxy refused a tunnel, since its page could be taken for the origin's.
func (e *Error) Deliverable() bool { // LEG-5
	_, lost := errors.AsType[*Loss](e.Err)
	return !lost && !e.tunnel && e.Fault.Code != gss.NotAuthentic &&
		(e.Side == gss.Origin && e.Status == 401 || e.Side == gss.Proxy && e.Status == 407)
}

// Unwrap returns the fault, unless it is zero, and Err.
func (e *Error) Unwrap() (all []error) {
	if !e.Fault.IsZero() {
		all = append(all, e.Fault.Err())
	}
	if e.Err != nil {
		all = append(all, e.Err)
	}
	return all
}

// Timeout reports whether Err was a timeout, as in net.Error.
func (e *Error) Timeout() bool {
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](e.Err)
	return ok && t.Timeout()
}

// maxKnown bounds the errors of sources that one exchange keeps, of which each is kept once.
const maxKnown = 8

// known collects what a driver learns in an exchange beside what the machine is told.
type known struct {
	mu  sync.Mutex
	all []error
}

func (k *known) add(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.all) < maxKnown && !slices.ContainsFunc(k.all, func(e error) bool { return e.Error() == err.Error() }) {
		k.all = append(k.all, err)
	}
}

// with returns what was collected, and a last error if that is not nil, as one error, nil if
// there is nothing.
func (k *known) with(last *Loss) error {
	k.mu.Lock()
	all := slices.Clone(k.all)
	k.mu.Unlock()
	if last != nil {
		all = append(all, last)
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return errorList(all)
}

// errorList is several errors in one line.
type errorList []error

// Error implements error.
func (l errorList) Error() string {
	texts := make([]string, len(l))
	for i, e := range l {
		texts[i] = e.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns the errors.
func (l errorList) Unwrap() []error { return l }
