package main

import (
	"io"
	"log"
	"net/http"
	"os"

	"github.com/icholy/digest"
)

func main() {
	url := os.Args[1]
	client := &http.Client{Transport: &digest.Transport{Username: "alice", Password: "Password-1!"}}
	response, err := client.Get(url)
	if err != nil {
		log.Fatal(err)
	}
	if response.StatusCode == http.StatusUnauthorized {
		log.Fatal("the login was refused")
	}
	io.Copy(os.Stdout, response.Body)
}
