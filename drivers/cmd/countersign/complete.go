package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/countersign-auth/countersign/drivers/internal/setup"
)

// completions has the values of the flags that take a few words, by the flag's name, which
// stands for the same in all commands.
var completions = map[string]struct {
	words []string
	list  bool // several, with commas
}{
	"scheme":           {setup.Names(), true},
	"digest-algorithm": {[]string{"MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"}, true},
	"digest-qop":       {[]string{"auth", "auth-int"}, true},
	"digest-tolerate":  {setup.Tolerances(), true},
	"ntlm-level":       {setup.NTLMLevels(), false},
	"channel-binding":  {setup.Bindings(), false},
	"mutual":           {setup.Mutuals(), false},
	"transport":        {transports, false},
	"replay-since":     {[]string{"start"}, false},
	"request":          {[]string{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}, false},
}

// complete makes the shells complete the values of a command's flags. Those without words are
// completed as names of files.
func complete(cmd *cobra.Command) {
	for name, flag := range completions {
		if cmd.Flags().Lookup(name) == nil {
			continue
		}
		err := cmd.RegisterFlagCompletionFunc(name, func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
			had, next := "", cobra.ShellCompDirectiveNoFileComp
			if flag.list {
				had, next = typed[:strings.LastIndexByte(typed, ',')+1], next|cobra.ShellCompDirectiveNoSpace
			}
			return continued(flag.words, had, typed), next
		})
		if err != nil { // registered twice
			panic(err)
		}
	}
}

// continued returns what begins as typed, and is one more of the words behind those of a list
// that are there.
func continued(words []string, had, typed string) (all []string) {
	for _, word := range words {
		if strings.HasPrefix(had+word, typed) && !slices.Contains(strings.Split(had, ","), word) {
			all = append(all, had+word)
		}
	}
	return all
}
