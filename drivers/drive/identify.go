package drive

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"hash"
	"reflect"
	"sync"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/gss"
)

// The answers that opened a connection determine to which user it belongs. A source may
// answer by the request's context, which is not part of any key. A connection of the
// default identity therefore remembers the questions that were asked, and a keyed hash
// of each answer. Before another request uses it the source is asked again, in that
// request's context, and if an answer differs the request gets another connection
// (CONN-3).

// maxAsked bounds the questions that one connection remembers. A connection opened with
// more questions is not reused.
const maxAsked = 16

// asked is a question that was answered for a connection.
type asked struct {
	by       func(context.Context, gss.Question) gss.Answer // the source of the answer
	question gss.Question
	answer   fingerprint
}

// answers are the questions that were answered to open a connection. The answers
// themselves are not kept, only what distinguishes them from others.
type answers struct {
	mu   sync.Mutex
	all  []asked
	once bool // a question was asked that cannot be repeated
}

// recorder is the value in a context in which [Ask] records the questions for a
// connection. What opens a tunnel also opens the connection inside it.
type recorder struct {
	to    *answers
	outer *recorder
}

type recorderKey struct{}

func recorderOf(ctx context.Context) *recorder {
	r, _ := ctx.Value(recorderKey{}).(*recorder)
	return r
}

// noting returns a context in which Ask records what opens a connection.
func noting(ctx context.Context, to *answers) context.Context {
	return context.WithValue(ctx, recorderKey{}, &recorder{to, recorderOf(ctx)})
}

// note records a question and its answer.
func (s *answers) note(by answer.Source, q gss.Question, a gss.Answer) {
	if _, ok := q.(gss.Derived); ok {
		return
	}
	f, ok := fingerprintOf(q, a)
	s.mu.Lock()
	defer s.mu.Unlock()
	if need, ok := q.(gss.NeedCredential); ok {
		// A later request would be asked for the first time. The last answer determines
		// to which user the connection belongs.
		need.Attempt, need.Rejected = 0, false
		q = need
	}
	if !ok || !reflect.ValueOf(q).Comparable() { // the answers cannot be compared
		s.once = true
		return
	}
	for i := range s.all {
		if s.all[i].question == q {
			s.all[i].answer = f // the last answer counts
			return
		}
	}
	if len(s.all) == maxAsked {
		s.once = true
		return
	}
	s.all = append(s.all, asked{func(ctx context.Context, q gss.Question) gss.Answer { return Ask(ctx, by, q) }, q, f})
}

// single reports whether the connection must not be reused, because the answers cannot
// be compared.
func (s *answers) single() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.once
}

// forget drops the recorded questions.
func (s *answers) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all, s.once = nil, false
}

// asking repeats the questions of idle connections, each once for all of them.
type asking struct {
	ctx    context.Context
	source answer.Source // the source of this request
	memo   [2]map[gss.Question]fingerprint
}

// dialed reports whether the tunnel that a connection runs in would be opened with the
// same answers now.
func (a *asking) dialed(s *answers) bool { return a.same(s, 0) }

// proven reports whether the same user would authenticate on the connection.
func (a *asking) proven(s *answers) bool { return a.same(s, 1) }

func (a *asking) same(s *answers, kind int) bool {
	s.mu.Lock()
	all, once := s.all, s.once
	s.mu.Unlock()
	if once {
		return false
	}
	ctx := context.WithValue(a.ctx, recorderKey{}, (*recorder)(nil)) // nothing is opened by these answers
	for _, q := range all {
		f, known := a.memo[kind][q.question]
		if !known {
			ask := q.by
			if kind == 1 {
				ask = func(ctx context.Context, q gss.Question) gss.Answer { return Ask(ctx, a.source, q) }
			}
			var ok bool
			if f, ok = fingerprintOf(q.question, ask(ctx, q.question)); !ok {
				return false
			}
			if a.memo[kind] == nil {
				a.memo[kind] = make(map[gss.Question]fingerprint)
			}
			a.memo[kind][q.question] = f
		}
		if subtle.ConstantTimeCompare(f[:], q.answer[:]) != 1 {
			return false
		}
	}
	return ctx.Err() == nil
}

// fingerprintOf returns a fingerprint of an answer's type and content, or the zero
// fingerprint if the answer says nothing that a gss.Named question does not. It reports
// false if the answer cannot be compared by content: it holds a pointer, and is not a
// gss.Subject.
func fingerprintOf(q gss.Question, a gss.Answer) (f fingerprint, ok bool) {
	if a == nil {
		a = gss.Declined{}
	}
	if n, ok := q.(gss.Named); ok && newsless(n, a) {
		return hashTexts("as named"), true
	}
	h := hmac.New(sha256.New, fingerprintKey())
	if s, ok := a.(gss.Subject); ok {
		v := reflect.ValueOf(a)
		if v.Kind() == reflect.Pointer && v.IsNil() {
			return fingerprint{}, false
		}
		hashText(h, "subject")
		hashText(h, v.Type().PkgPath())
		hashText(h, v.Type().String())
		hashText(h, s.Subject())
	} else if !hashValue(h, reflect.ValueOf(a), 0) {
		return fingerprint{}, false
	}
	h.Sum(f[:0])
	return f, true
}

// newsless reports whether an answer says nothing that the question does not.
func newsless(q gss.Named, a gss.Answer) bool {
	switch a := a.(type) {
	case gss.Declined, gss.Unknown, gss.Unreachable:
		return true
	case gss.Subject:
		return a.Subject() == q.Named()
	}
	return false
}

func hashText(h hash.Hash, s string) {
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(s))))
	h.Write([]byte(s))
}

// hashValue writes a value with its types, unambiguously. It reads unexported fields,
// which secrets have. It reports false for a value that cannot be compared by content.
func hashValue(h hash.Hash, v reflect.Value, depth int) bool {
	const tooDeep = 32
	if depth > tooDeep || !v.IsValid() {
		return false
	}
	hashText(h, v.Type().PkgPath()+" "+v.Type().String())
	number := func(n uint64) bool {
		h.Write(binary.BigEndian.AppendUint64(nil, n))
		return true
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if !hashValue(h, v.Field(i), depth+1) {
				return false
			}
		}
		return true
	case reflect.Array:
		for i := range v.Len() {
			if !hashValue(h, v.Index(i), depth+1) {
				return false
			}
		}
		return true
	case reflect.Interface:
		return v.IsNil() && number(0) || !v.IsNil() && number(1) && hashValue(h, v.Elem(), depth+1)
	case reflect.String:
		hashText(h, v.String())
		return true
	case reflect.Bool:
		return v.Bool() && number(1) || !v.Bool() && number(0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return number(uint64(v.Int()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return number(v.Uint())
	}
	return false // pointers, functions, slices, maps, channels
}
