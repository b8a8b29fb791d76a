package main

import (
	"io"
	"log"
	"net/http"
	"os"

	"github.com/countersign-auth/countersign/drivers/preset"
)

func main() {
	url := os.Args[1]
	transport, err := preset.Client{Origin: url, User: "alice@INTEROP.TEST", Password: "Password-1!"}.Transport()
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: transport}
	response, err := client.Get(url)
	if err != nil {
		log.Fatal(err)
	}
	io.Copy(os.Stdout, response.Body)
}
