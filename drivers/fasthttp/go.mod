module github.com/countersign-auth/countersign/drivers/fasthttp

go 1.26.0

require (
	github.com/countersign-auth/countersign v0.0.0
	github.com/countersign-auth/countersign/drivers v0.0.0
	github.com/valyala/fasthttp v1.74.0
)

require (
	github.com/klauspost/compress v1.20.0 // indirect
	github.com/molecule-man/go-brrr v1.0.1 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
	go.uber.org/goleak v1.3.0 // indirect
	golang.org/x/crypto v0.59.0 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sys v0.50.0 // indirect
	golang.org/x/text v0.44.0 // indirect
)

replace (
	github.com/countersign-auth/countersign => ../../
	github.com/countersign-auth/countersign/drivers => ../
)
