// Command countersign authenticates HTTP requests as client, server and proxy, and
// explains, replays and checks authentication exchanges.
//
//	countersign demo                                       show every scheme in every role
//	countersign serve --scheme digest --user alice:secret  run a server, or with --proxy a proxy
//	countersign get -u alice:secret http://127.0.0.1:8080/ send authenticated requests
//	countersign explain 'WWW-Authenticate: Negotiate'      explain a header field or a token
//	countersign kinit alice@EXAMPLE.COM                    get a Kerberos ticket; klist lists them
//	countersign replay trace.ndjson                        replay a recorded trace
//	countersign check                                      model-check the machines
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
