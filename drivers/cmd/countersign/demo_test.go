package main

import "testing"

func TestDemo(t *testing.T) {
	call(t, "", "demo").want(t, 0, "rows came out as they must", "")
	call(t, "", "demo", "--mermaid").want(t, 0, "sequenceDiagram", "")
	call(t, "", "demo", "extra").want(t, exitUsage, "", "unknown command")
}
