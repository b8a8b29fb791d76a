module github.com/countersign-auth/countersign/drivers/interop

go 1.26.0

require (
	github.com/countersign-auth/countersign v0.0.0
	github.com/countersign-auth/countersign/drivers v0.0.0
	github.com/countersign-auth/countersign/drivers/fasthttp v0.0.0
	github.com/countersign-auth/countersign/drivers/http3 v0.0.0
	github.com/jcmturner/goidentity/v6 v6.0.1
	github.com/jcmturner/gokrb5/v8 v8.4.4
	github.com/quic-go/quic-go v0.65.0
	github.com/valyala/fasthttp v1.74.0
	golang.org/x/net v0.62.0
	golang.org/x/sys v0.50.0
	google.golang.org/grpc v1.85.0
)

require (
	github.com/hashicorp/go-uuid v1.0.3 // indirect
	github.com/jcmturner/aescts/v2 v2.0.0 // indirect
	github.com/jcmturner/dnsutils/v2 v2.0.0 // indirect
	github.com/jcmturner/gofork v1.7.6 // indirect
	github.com/jcmturner/rpc/v2 v2.0.3 // indirect
	github.com/klauspost/compress v1.20.0 // indirect
	github.com/molecule-man/go-brrr v1.0.1 // indirect
	github.com/quic-go/qpack v0.6.0 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
	go.uber.org/goleak v1.3.0 // indirect
	golang.org/x/crypto v0.59.0 // indirect
	golang.org/x/text v0.44.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260817212433-ac3dfec99bb1 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

replace (
	github.com/countersign-auth/countersign => ../../
	github.com/countersign-auth/countersign/drivers => ../
	github.com/countersign-auth/countersign/drivers/fasthttp => ../fasthttp
	github.com/countersign-auth/countersign/drivers/http3 => ../http3
)
