package seeded

import (
	"fmt"
	"slices"
	"testing"
)

// The properties that fall soonest are first, wherever they fall; later falls of the
// same property do not count; and what sometimes happens is missed only if it happens
// in no world.
func TestJudge(t *testing.T) {
	toll := Judge([]Seen{
		{World: "a", Property: "LegsBounded", Fell: true, Steps: 5, Story: "long"},
		{World: "a", Property: "PreemptiveSend"},
		{World: "a", Property: "HeaderDirection"},
		{World: "b", Property: "LegsBounded", Fell: true, Steps: 3, Story: "short"},
		{World: "b", Property: "NTLMMessageOrder", Fell: true, Steps: 4},
		{World: "c", Property: "LegsBounded", Fell: true, Steps: 3},
	})
	if toll.Steps != 3 || toll.World != "b" || !slices.Equal(toll.First, []string{"LegsBounded"}) || !slices.Equal(toll.Also, []string{"NTLMMessageOrder"}) {
		t.Errorf("%v", toll)
	}
	if toll.Worst["LegsBounded"].Story != "short" {
		t.Errorf("the counterexample is %+v", toll.Worst["LegsBounded"])
	}
	for property, falls := range map[string]bool{
		"LegsBounded": true, "NTLMMessageOrder": true, "FinalLegOn200": true, // which did not happen
		"PreemptiveSend": false, "HeaderDirection": false,
	} {
		if toll.Falls(property) != falls {
			t.Errorf("%s falls: %t", property, !falls)
		}
	}
	if quiet := Judge(nil); len(quiet.First) > 0 || len(quiet.Silent) == 0 || fmt.Sprintf("%.8s", quiet) != "first []" {
		t.Errorf("nothing was seen, and yet %v", quiet)
	}
}
