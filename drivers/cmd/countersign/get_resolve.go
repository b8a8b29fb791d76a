package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/countersign-auth/countersign/drivers/internal/authority"
)

// resolved has the addresses that --resolve gives for hosts and ports.
type resolved map[string][]string

// parseResolved parses the values of --resolve: HOST:PORT:ADDR[,ADDR].
func parseResolved(values []string) (resolved, error) {
	all := resolved{}
	for _, value := range values {
		host, rest, _ := strings.Cut(value, ":")
		port, addrs, _ := strings.Cut(rest, ":")
		host, number, err := authority.Split("http", host+":"+port)
		if err != nil || port == "" {
			return nil, errors.New("--resolve: expected HOST:PORT:ADDR[,ADDR]")
		}
		key := net.JoinHostPort(host, strconv.Itoa(int(number)))
		all[key] = nil // as with curl, the last one counts
		for a := range strings.SplitSeq(addrs, ",") {
			ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(a, "["), "]"))
			if err != nil {
				return nil, fmt.Errorf("--resolve: expected an IP address after HOST:PORT, and others after commas")
			}
			all[key] = append(all[key], net.JoinHostPort(ip.String(), strconv.Itoa(int(number))))
		}
	}
	return all, nil
}

// dial dials what stands for an address, as net.Dialer.DialContext does.
func (r resolved) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	addrs, ok := r[strings.ToLower(addr)]
	if !ok {
		return d.DialContext(ctx, network, addr)
	}
	var errs []error
	for _, a := range addrs {
		c, err := d.DialContext(ctx, network, a)
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}
