package gss

// WindowSize is the distance from the highest sequence number within which a [Window]
// still tells new numbers from seen ones.
const WindowSize = 64

// Window records which sequence numbers of one key were seen, so that parallel requests
// may arrive out of order and none is accepted twice. It is the pure half of the store
// behind [NeedReplayCheck]; the zero Window has seen none.
type Window struct {
	high uint32
	seen [2]uint32 // bit i of the 64, the low half first: high-i was seen; 12 bytes in all
}

// Admit returns the Window after n, and reports whether n is new. Numbers older than the
// window count as seen; 0 is never new.
func (w Window) Admit(n uint32) (Window, bool) {
	seen := uint64(w.seen[1])<<32 | uint64(w.seen[0])
	switch {
	case n == 0:
		return w, false
	case n > w.high:
		seen = seen<<(n-w.high) | 1 // shifts of 64 and more clear it
		w.high = n
	default:
		back := w.high - n
		if back >= WindowSize || seen>>back&1 == 1 {
			return w, false
		}
		seen |= 1 << back
	}
	w.seen = [2]uint32{uint32(seen), uint32(seen >> 32)}
	return w, true
}
