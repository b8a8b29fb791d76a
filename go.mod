module github.com/countersign-auth/countersign

go 1.26.0

require (
	github.com/jcmturner/gofork v1.7.6
	golang.org/x/crypto v0.59.0
	pgregory.net/rapid v1.3.0
)
