package ccache_test

import (
	"fmt"
	"time"

	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// A cache with one ticket is written as a file, which klist and other programs read too, and
// read back to look for a ticket that is still valid.
func Example() {
	alice, _ := krb.ParsePrincipal("alice@A.TEST", "")
	service, _ := krb.ParsePrincipal("HTTP/www.a.test@A.TEST", "")
	key, fault := krb.NewKey(krb.AES128SHA1, "sixteen bytes...")
	if !fault.IsZero() {
		fmt.Println(fault)
		return
	}
	noon := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	after := func(d time.Duration) krb.Time { return krb.TimeOf(noon.Add(d).UnixNano()) }
	cache := ccache.New(alice).With(ccache.Credential{ // as package ticket gets them from a KDC
		Client: alice, Server: service, Key: key, Ticket: "DER of the ticket",
		AuthTime: after(0), EndTime: after(10 * time.Hour),
	})

	read, fault := ccache.Parse(string(cache.Append(nil)))
	if !fault.IsZero() {
		fmt.Println(fault)
		return
	}
	fmt.Println("the cache of", read.Principal())
	for _, d := range []time.Duration{time.Hour, 11 * time.Hour} {
		if found, ok := read.Find(service, after(d)); ok {
			fmt.Println(after(d), "a ticket for", found.Server, "until", found.EndTime)
		} else {
			fmt.Println(after(d), "no ticket")
		}
	}
	// Output:
	// the cache of alice@A.TEST
	// 2026-12-01T13:00:00Z a ticket for HTTP/www.a.test@A.TEST until 2026-12-01T22:00:00Z
	// 2026-12-01T23:00:00Z no ticket
}
