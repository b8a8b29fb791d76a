package main

import "testing"

func TestDemo(t *testing.T) {
	call(t, "", "demo").want(t, 0, "rows are as expected", "")
	call(t, "", "demo", "--mermaid").want(t, 0, "sequenceDiagram", "")
	call(t, "", "demo", "extra").want(t, exitUsage, "", "unknown command")
}
