package message

import (
	"github.com/countersign-auth/countersign/internal/der"
	"github.com/countersign-auth/countersign/internal/kerberos/names"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// name reads
//
//	PrincipalName ::= SEQUENCE {
//	        name-type   [0] Int32,
//	        name-string [1] SEQUENCE OF KerberosString
//	}
func (r reader) name() krb.Name {
	in := r.sequence()
	kind := in.field(0).int32()
	strs := in.field(1).sequence()
	in.end()
	var room [names.MaxComponents]string
	components := room[:0]
	for strs.s != "" {
		if len(components) == names.MaxComponents {
			strs.broken("a name of more than 16 components")
			return krb.Name{}
		}
		one := strs.next(der.GeneralString)
		if !names.Valid(one.s) {
			strs.broken("a name's component is longer than 4096 bytes, or has a NUL")
			return krb.Name{}
		}
		components = append(components, one.s)
	}
	if len(components) == 0 {
		r.broken("a name without components")
		return krb.Name{}
	}
	return krb.NameOf(kind, components...)
}

func (w *writer) name(n byte, name krb.Name) {
	p := w.begin(der.Context | n)
	w.integer(0, int64(name.Type))
	strs := w.begin(der.Context | 1)
	for c := range name.Components() {
		w.primitive(der.GeneralString, c)
	}
	w.finish(strs)
	w.finish(p)
}
