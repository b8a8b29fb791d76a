package main

import (
	"io"
	"log"
	"net/http"
	"os"

	"github.com/Azure/go-ntlmssp"
)

func main() {
	client := &http.Client{Transport: ntlmssp.Negotiator{}}
	request, err := http.NewRequest("GET", os.Args[1], nil)
	if err != nil {
		log.Fatal(err)
	}
	request.SetBasicAuth(`LAB\alice`, "Password-1!")
	response, err := client.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	if response.StatusCode == http.StatusUnauthorized {
		log.Fatal("the login was refused")
	}
	io.Copy(os.Stdout, response.Body)
}
