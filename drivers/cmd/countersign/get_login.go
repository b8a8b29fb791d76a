package main

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/countersign-auth/countersign/drivers/answer"
)

// source returns the answers to credential questions, for the origins of the URLs and for
// the proxy. It removes user information from the URLs, since net/http would send it
// without a challenge.
func (o *getOptions) source(cmd *cobra.Command, urls []*url.URL, through proxies) (answer.Source, error) {
	from := newLogins(cmd)
	if o.data == "@-" {
		from.taken = "--data @-"
	}
	if o.netrc || o.netrcFile != "" {
		if err := from.readNetrc(o.netrcFile); err != nil {
			return nil, fmt.Errorf("%s: %w", netrcFlag(o.netrcFile), err)
		}
	}
	sources, names, err := o.logins(from, urls)
	if err != nil {
		return nil, err
	}
	if o.proxyUser != "" {
		name, password, err := from.of("--proxy-user", o.proxyUser, "", proxyPasswordVariable)
		if err != nil {
			return nil, err
		}
		known, err := through.logins(name, password)
		if err != nil {
			return nil, err
		}
		sources, names = append(sources, known...), append(names, name)
	}
	tickets, err := o.kerberos.source(cmd.Context(), &o.machine, names)
	if err != nil {
		return nil, err
	}
	o.machine.NoNTLM = tickets != nil && len(names) == 0 && !o.kerberos.missing
	return answer.Chain(append(sources, within(urls, tickets))...), nil
}

// logins returns the answers for the origins of the URLs, and the names of the users.
func (o *getOptions) logins(from *logins, urls []*url.URL) (sources []answer.Source, names []string, err error) {
	for _, u := range urls {
		name, password, err := o.login(from, u)
		u.User = nil
		switch {
		case err != nil:
			return nil, nil, err
		case name == "":
			continue
		}
		s, err := answer.For(u.Scheme+"://"+u.Host, name, password)
		if err != nil {
			return nil, nil, err
		}
		sources, names = append(sources, s), append(names, name)
	}
	return sources, names, nil
}

// login returns the name and the password for a URL's origin, "" for none. The URL's own user
// information comes first, then --user, then the netrc file.
func (o *getOptions) login(from *logins, u *url.URL) (name, password string, err error) {
	switch {
	case u.User != nil:
		if name = u.User.Username(); name == "" {
			return "", "", errors.New("the user in a URL has no name; put NAME@ or NAME:PASSWORD@ before the host, or use --user")
		}
		if password, ok := u.User.Password(); ok {
			return name, password, nil
		}
		if password, err = from.find(name, u.Hostname(), passwordVariable); err != nil {
			err = fmt.Errorf("the user in the URL: %w", err)
		}
	case o.user != "":
		return from.of("--user", o.user, u.Hostname(), passwordVariable)
	default:
		name, password, _ = from.netrc.Find(u.Hostname(), "")
	}
	return name, password, err
}
