package machine

import (
	"fmt"
	"testing"

	"github.com/countersign-auth/countersign/internal/choice"
	"github.com/countersign-auth/countersign/scheme"
)

// A list of actions has an end, and says what is in it.
func TestActions(t *testing.T) {
	as := Do(Retire{Downstream}, Retire{Upstream})
	for i := -1; i <= maxActions+1; i++ {
		want := Action(nil)
		if i == 0 || i == 1 {
			want = Retire{End(i)}
		}
		if got := as.At(i); got != want {
			t.Errorf("At(%d) is %v", i, got)
		}
	}
	if full := Do(make([]Action, maxActions)...); full.Len() != maxActions || full.At(maxActions) != nil {
		t.Error("a full list has no end")
	}
	one, two := fmt.Sprint(Do(Retire{})), fmt.Sprint(as)
	if want := one[:len(one)-1] + " " + fmt.Sprint(Do(Retire{Upstream}))[1:]; two != want {
		t.Errorf("%s, want %s", two, want)
	}
}

// A side has up to choice.MaxSchemes schemes.
func TestMaxSchemes(t *testing.T) {
	for n, want := range map[int]bool{1: true, choice.MaxSchemes: true, choice.MaxSchemes + 1: false} {
		var clients []scheme.Client
		var servers []scheme.Server
		for i := range n {
			clients = append(clients, numberedClient{scheme.BasicClient(), i})
			servers = append(servers, numberedServer{scheme.BasicServer("r", scheme.AskVerdict), i})
		}
		_, origin := NewClient(ClientConfig{Schemes: clients})
		_, proxy := NewClient(ClientConfig{ProxySchemes: clients})
		_, server := NewServer(ServerConfig{Schemes: servers})
		if (origin == nil) != want || (proxy == nil) != want || (server == nil) != want {
			t.Errorf("%d schemes: %v, %v, %v", n, origin, proxy, server)
		}
	}
}
