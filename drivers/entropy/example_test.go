package entropy_test

import (
	"fmt"

	"github.com/countersign-auth/countersign/drivers/entropy"
)

// A driver makes an Env for every Step, and never uses one twice.
func ExampleEnv() {
	env := entropy.Env()
	_, ok := env.Bytes("a nonce", 16)
	fmt.Println(ok, env.Seed)
	// Output: true seed(***)
}
