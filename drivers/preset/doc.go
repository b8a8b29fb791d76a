// Package preset makes clients and servers of net/http from a few facts: what to log on with,
// where, and against what. It chooses the schemes, the mechanisms and the sources of answers.
//
// A preset does nothing that nethttp and the packages below it cannot be told to do. Config
// returns what the preset has chosen, as the configuration that nethttp takes: change what the
// preset does not name, and pass it to nethttp.NewTransport or nethttp.NewAuthenticator.
package preset
