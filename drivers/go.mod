module github.com/countersign-auth/countersign/drivers

go 1.26.0

require (
	github.com/countersign-auth/countersign v0.0.0
	go.uber.org/goleak v1.3.0
	golang.org/x/crypto v0.59.0
	golang.org/x/net v0.62.0
	golang.org/x/sys v0.50.0
	golang.org/x/text v0.44.0
)

replace github.com/countersign-auth/countersign => ../
