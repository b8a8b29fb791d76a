// Command countersign authenticates HTTP requests and serves those who do: a
// client, a server and a proxy to try schemes with, and tools that say what goes
// over the wire.
//
//	countersign demo                                       watch every scheme work
//	countersign serve --scheme digest --user alice:secret  something to authenticate to
//	countersign get -u alice:secret http://127.0.0.1:8080/ something that authenticates
//	countersign explain 'WWW-Authenticate: Negotiate'      what a header field says
//	countersign kinit alice@EXAMPLE.COM                     get a Kerberos ticket; klist lists them
//	countersign replay trace.ndjson                        run a recorded trace again
//	countersign check                                       explore the machines, judge every property
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
