// Tickets is a small kinit and klist.
//
//	tickets get USER@REALM CACHE      reads the password from the standard input
//	tickets renew CACHE
//	tickets list CACHE
//	tickets keys KEYTAB
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/ticket"
)

func main() {
	conf, err := krb5.ReadConfig("")
	if err == nil {
		err = run(context.Background(), &krb5.Client{Config: conf}, os.Stdin, os.Stdout, os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tickets:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kdcs answer.Source, in io.Reader, out io.Writer, args []string) error {
	switch {
	case len(args) == 3 && args[0] == "get":
		return get(ctx, kdcs, in, args[1], args[2])
	case len(args) == 2 && args[0] == "renew":
		return renew(ctx, kdcs, args[1])
	case len(args) == 2 && args[0] == "list":
		return list(ctx, out, args[1])
	case len(args) == 2 && args[0] == "keys":
		return keys(out, args[1])
	}
	return fmt.Errorf("want get USER@REALM CACHE, renew CACHE, list CACHE or keys KEYTAB")
}

// get gets a ticket-granting ticket and writes a cache with it.
func get(ctx context.Context, kdcs answer.Source, in io.Reader, name, path string) error {
	user, fault := krb.ParsePrincipal(name, "")
	if err := fault.Err(); err != nil {
		return err
	}
	password, err := bufio.NewReader(in).ReadString('\n')
	if err != nil {
		return err
	}
	return obtain(ctx, kdcs, path, ticket.Request{
		Client: user, Password: gss.NewSecret(strings.TrimSuffix(password, "\n")),
		Options: krb.Forwardable | krb.Renewable, RenewLifetime: 7 * 24 * 3600,
	})
}

// renew renews the ticket-granting ticket of a cache.
func renew(ctx context.Context, kdcs answer.Source, path string) error {
	cache, err := (&krb5.Cache{Name: path}).Read(ctx)
	if err != nil {
		return err
	}
	realm := cache.Principal().Realm
	old, ok := cache.Find(krb.TGS(realm, realm), krb.TimeOf(time.Now().UnixNano()))
	if !ok {
		return fmt.Errorf("%s has no ticket-granting ticket", path)
	}
	return obtain(ctx, kdcs, path, ticket.Request{Client: old.Client, Server: old.Server, TGT: old, Options: krb.Renew | krb.Renewable | krb.Forwardable})
}

func obtain(ctx context.Context, kdcs answer.Source, path string, r ticket.Request) error {
	result, err := krb5.Get(ctx, kdcs, r)
	if err != nil {
		return err
	}
	cache := ccache.New(result.Credential.Client, result.Credential)
	return (&krb5.Cache{Name: path}).Write(ctx, cache.WithOffset(result.Offset))
}

// list lists the tickets of a cache.
func list(ctx context.Context, out io.Writer, path string) error {
	cache, err := (&krb5.Cache{Name: path}).Read(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Principal: %v\n", cache.Principal())
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for c := range cache.All() {
		kind, _, _ := c.TicketKey()
		fmt.Fprintf(table, "%v\t%s\t%s\t%s\t%v\t%v\t%v\n", c.Server, clock(c.Starts()), clock(c.EndTime), clock(c.RenewTill), c.Key.Type(), kind, c.Flags)
	}
	return table.Flush()
}

// keys lists the keys of a keytab.
func keys(out io.Writer, path string) error {
	table, err := (&krb5.Keytab{Path: path}).Load()
	if err != nil {
		return err
	}
	for e := range table.All() {
		fmt.Fprintf(out, "%d %s %v %v\n", e.Kvno, clock(e.Time), e.Principal, e.Key.Type())
	}
	return nil
}

func clock(t krb.Time) string {
	if t == 0 {
		return "-"
	}
	return time.Unix(int64(t), 0).UTC().Format("2006-01-02 15:04")
}
