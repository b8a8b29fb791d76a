package model_test

import (
	"fmt"

	"github.com/countersign-auth/countersign/model"
)

// Every world is explored to its end, and every property judged in it.
func Example() {
	for _, world := range model.Worlds() {
		if world.Name != "persistence" {
			continue
		}
		system, err := world.World(model.Quick, model.Tune{})
		if err != nil {
			panic(err)
		}
		fell := 0
		for _, o := range system.Check(model.Options{}).Outcomes {
			if o.Status == model.Fell {
				fell++
			}
		}
		fmt.Println(world.Name, "properties that fell:", fell)
	}
	// Output: persistence properties that fell: 0
}
