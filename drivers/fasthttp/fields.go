package fasthttp

import (
	fast "github.com/valyala/fasthttp"
)

// requestFields and responseFields adapt fasthttp's headers to hop.Header. Values are
// copied, since they point into buffers that fasthttp reuses.

type requestFields struct{ h *fast.RequestHeader }

// Values implements hop.Header.
func (f requestFields) Values(name string) []string { return texts(f.h.PeekAll(name)) }

// Set implements hop.Header.
func (f requestFields) Set(name, value string) { f.h.Set(name, value) }

// Add implements hop.Header.
func (f requestFields) Add(name, value string) { f.h.Add(name, value) }

// Del implements hop.Header.
func (f requestFields) Del(name string) { f.h.Del(name) }

type responseFields struct{ h *fast.ResponseHeader }

// Values implements hop.Header.
func (f responseFields) Values(name string) (values []string) {
	if name != fast.HeaderSetCookie {
		return texts(f.h.PeekAll(name))
	}
	for _, v := range f.h.Cookies() { // PeekAll joins them
		values = append(values, string(v))
	}
	return values
}

// Set implements hop.Header.
func (f responseFields) Set(name, value string) { f.h.Set(name, value) }

// Add implements hop.Header.
func (f responseFields) Add(name, value string) { f.h.Add(name, value) }

// Del implements hop.Header.
func (f responseFields) Del(name string) { f.h.Del(name) }

func texts(all [][]byte) []string {
	if len(all) == 0 {
		return nil
	}
	out := make([]string, len(all))
	for i, b := range all {
		out[i] = string(b)
	}
	return out
}
