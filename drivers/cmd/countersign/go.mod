module github.com/countersign-auth/countersign/drivers/cmd/countersign

go 1.26.0

require (
	github.com/countersign-auth/countersign v0.0.0
	github.com/countersign-auth/countersign/drivers v0.0.0
	github.com/countersign-auth/countersign/drivers/fasthttp v0.0.0
	github.com/countersign-auth/countersign/drivers/http3 v0.0.0
	github.com/quic-go/quic-go v0.65.0
	github.com/spf13/cobra v1.10.2
	github.com/spf13/pflag v1.0.9
	github.com/valyala/fasthttp v1.74.0
	golang.org/x/net v0.62.0
	golang.org/x/term v0.48.0
)

require (
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/klauspost/compress v1.20.0 // indirect
	github.com/molecule-man/go-brrr v1.0.1 // indirect
	github.com/quic-go/qpack v0.6.0 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
	golang.org/x/crypto v0.59.0 // indirect
	golang.org/x/sys v0.50.0 // indirect
	golang.org/x/text v0.44.0 // indirect
)

replace (
	github.com/countersign-auth/countersign => ../../../
	github.com/countersign-auth/countersign/drivers => ../../
	github.com/countersign-auth/countersign/drivers/fasthttp => ../../fasthttp
	github.com/countersign-auth/countersign/drivers/http3 => ../../http3
)
