package main

import (
	"io"
	"log"
	"net/http"
	"os"

	"github.com/countersign-auth/countersign/drivers/preset"
)

func main() {
	transport, err := preset.Client{FromRequest: true}.Transport()
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: transport}
	request, err := http.NewRequest("GET", os.Args[1], nil)
	if err != nil {
		log.Fatal(err)
	}
	request.SetBasicAuth(`LAB\alice`, "Password-1!")
	response, err := client.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	io.Copy(os.Stdout, response.Body)
}
