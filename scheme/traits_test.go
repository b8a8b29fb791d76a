package scheme

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/internal/requirement"
)

// The names and traits that the standards give (N2HT-1.9-1, R4559-4-1, NTHT-1.9-1).
func TestSchemeNames(t *testing.T) {
	for _, name := range []string{"Negotiate", "Nego2", "NTLM", "Digest", "Basic"} {
		for _, spelling := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
			if tr, ok := TraitsOf(spelling); !ok || tr.Name != name {
				t.Errorf("%s: %v", spelling, tr)
			}
		}
		requirement.Held(t, "unit:scheme_names")
	}
	for _, name := range []string{"", "Negotiate2", "Nego", "Nego 2", "Bearer"} {
		if _, ok := TraitsOf(name); ok {
			t.Errorf("%q is known", name)
		}
	}
	if tr, _ := TraitsOf(Nego2); !tr.OfferedOnly || !tr.OriginOnly || tr.Opening != OpeningToken || tr.Affinity == PerRequest {
		t.Errorf("%+v", tr)
	}
	if tr, _ := TraitsOf(Negotiate); !tr.ExplicitProxyOnly || tr.Opening != OpeningBare || tr.Affinity != ByMechanism {
		t.Errorf("%+v", tr)
	}
}
