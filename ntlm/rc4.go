package ntlm

// rc4 is the state of an RC4 key stream as a value: 258 bytes, copied and
// compared like any other. (That of crypto/rc4 is four times as large and lives
// on the heap behind a pointer that it writes through, so that a session could
// not be kept as it was.)
type rc4 struct {
	s    [256]byte
	i, j byte
}

// newRC4 schedules a key of 1 to 256 bytes.
func newRC4(key []byte) (r rc4) {
	for i := range r.s {
		r.s[i] = byte(i)
	}
	var j byte
	for i, k := 0, 0; i < len(r.s); i++ {
		j += r.s[i] + key[k]
		r.s[i], r.s[j] = r.s[j], r.s[i]
		if k++; k == len(key) {
			k = 0
		}
	}
	return r
}

// xor runs the key stream over b.
func (r *rc4) xor(b []byte) {
	i, j := r.i, r.j
	for n := range b {
		i++
		x := r.s[i]
		j += x
		y := r.s[j]
		r.s[i], r.s[j] = y, x
		b[n] ^= r.s[x+y]
	}
	r.i, r.j = i, j
}
