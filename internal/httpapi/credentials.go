package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// changeCredentials changes a copy of an endpoint's credentials and stores it, if it is valid.
func (s *server) changeCredentials(c *call, change func(*hook.Credentials) error) (*hook.Endpoint, error) {
	a, e, err := s.endpoint(c)
	if err != nil {
		return nil, err
	}
	now := s.now()
	return s.Catalog.UpdateEndpoint(c.ctx(), a.ID, e.ID, nil, func(e *hook.Endpoint) error {
		var next hook.Credentials
		if e.Credentials != nil {
			next = *e.Credentials
		}
		if err := change(&next); err != nil {
			return err
		}
		if err := next.Validate(now, e.Credentials); err != nil {
			return err
		}
		e.Credentials, e.UpdatedAt = &next, now
		if next.IsEmpty() {
			e.Credentials = nil
		}
		return nil
	})
}

// enforcesHTTPS reports whether the environment wants https everywhere. It is asked for
// before an update begins: inside it the store's writer would wait for itself.
func (s *server) enforcesHTTPS(c *call) (bool, error) {
	environment, err := s.Catalog.Environment(c.ctx(), c.env())
	if err != nil {
		return false, err
	}
	return environment.Settings.EnforceHTTPS, nil
}

func (s *server) getCredentials(c *call) error {
	_, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	not, err := s.barred(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, credentialsToAPI(not.visible(e.Credentials), s.now()))
}

func (s *server) setCredentials(c *call) error {
	in, err := decode[api.CredentialsIn](c)
	if err != nil {
		return err
	}
	not, err := s.barred(c)
	if err != nil {
		return err
	}
	if in.OAuth2 != nil {
		if err := s.mayOAuth(c); err != nil {
			return err
		}
	}
	if in.MTLS != nil {
		if err := s.mayMTLS(c); err != nil {
			return err
		}
	}
	if err := s.normalizeCredentials(c, &in); err != nil {
		return err
	}
	e, err := s.changeCredentials(c, func(next *hook.Credentials) error {
		made, err := credentialsFromAPI(in, next)
		not.keep(&made, next)
		*next = made
		return err
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, credentialsToAPI(not.visible(e.Credentials), s.now()))
}

// normalizeCredentials judges what leads elsewhere, and spells it as it is stored.
func (s *server) normalizeCredentials(c *call, in *api.CredentialsIn) error {
	var err error
	if o := in.OAuth2; o != nil {
		enforce, err := s.enforcesHTTPS(c)
		if err != nil {
			return err
		}
		if o.TokenURL, err = s.CheckURL(o.TokenURL, enforce); err != nil {
			return hook.FieldAt(err.Error(), "oauth2", "tokenUrl")
		}
	}
	if p := in.Proxy; p != nil {
		if p.URL, err = s.CheckProxy(p.URL); err != nil {
			return hook.FieldAt(err.Error(), "proxy", "url")
		}
	}
	if in.SourceAddress == nil {
		return nil
	}
	a, err := netip.ParseAddr(*in.SourceAddress)
	if err != nil || !slices.Contains(s.o.SourceAddresses, a.Unmap()) {
		if len(s.o.SourceAddresses) == 0 {
			return hook.FieldAt("cannot be chosen: the operator of this server offers none", "sourceAddress")
		}
		return hook.FieldAt("must be one of "+joined(s.o.SourceAddresses), "sourceAddress")
	}
	*in.SourceAddress = a.Unmap().String()
	return nil
}

func joined(list []netip.Addr) string {
	texts := make([]string, len(list))
	for i, a := range list {
		texts[i] = a.String()
	}
	return strings.Join(texts, ", ")
}

func (s *server) deleteCredentials(c *call) error {
	not, err := s.barred(c)
	if err != nil {
		return err
	}
	return s.dropCredentials(c, func(next *hook.Credentials) {
		old := *next
		*next = hook.Credentials{}
		not.keep(next, &old)
	})
}

// dropCredentials removes some of an endpoint's credentials; what is not there is removed already.
func (s *server) dropCredentials(c *call, drop func(*hook.Credentials)) error {
	_, err := s.changeCredentials(c, func(next *hook.Credentials) error {
		drop(next)
		return nil
	})
	if err != nil {
		return err
	}
	return c.empty()
}

func (s *server) getOAuth(c *call) error {
	if err := s.mayOAuth(c); err != nil {
		return err
	}
	_, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	if e.Credentials.IsEmpty() || e.Credentials.OAuth2 == nil {
		return notFound()
	}
	return c.json(http.StatusOK, oauthToContract(e.Credentials.OAuth2))
}

func (s *server) getOAuthConfig(c *call) error {
	if err := s.mayOAuth(c); err != nil {
		return err
	}
	_, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	var out api.EndpointOauthOut
	if e.Credentials != nil && e.Credentials.OAuth2 != nil {
		config := oauthToContract(e.Credentials.OAuth2)
		out = api.EndpointOauthOut{Enabled: true, Config: &config}
	}
	return c.json(http.StatusOK, out)
}

func (s *server) setOAuth(c *call) error {
	if err := s.mayOAuth(c); err != nil {
		return err
	}
	in, err := decode[api.EndpointOauthConfigIn](c)
	if err != nil {
		return err
	}
	enforce, err := s.enforcesHTTPS(c)
	if err != nil {
		return err
	}
	if in.TokenURL, err = s.CheckURL(in.TokenURL, enforce); err != nil {
		return hook.Fieldf("tokenUrl", "%v", err)
	}
	o, err := oauthFromAPI(api.CredentialsOAuth2In{
		GrantType: in.GrantType, AuthMethod: in.AuthMethod, ClientID: in.ClientID, ClientSecret: in.ClientSecret, TokenURL: in.TokenURL,
		Scopes: in.Scopes, RefreshToken: in.RefreshToken, JWTParams: in.JWTParams,
		ExtraParams: pointers(in.ExtraParams), ExtraHeaders: pointers(in.ExtraHeaders),
	}, nil)
	if err == nil {
		err = o.Validate()
	}
	if err != nil {
		return err
	}
	_, err = s.changeCredentials(c, func(next *hook.Credentials) error {
		// Whoever sets this wants it to be what logs in.
		next.OAuth2, next.Basic, next.Bearer = o, nil, ""
		return nil
	})
	if err != nil {
		return err
	}
	return c.empty()
}

func (s *server) deleteOAuth(c *call) error {
	if err := s.mayOAuth(c); err != nil {
		return err
	}
	return s.dropCredentials(c, func(next *hook.Credentials) { next.OAuth2 = nil })
}

func (s *server) getMTLS(c *call) error {
	if err := s.mayMTLS(c); err != nil {
		return err
	}
	_, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	if e.Credentials == nil || e.Credentials.Identity == "" {
		return notFound()
	}
	return c.json(http.StatusOK, api.EndpointMtlsConfigOut{})
}

func (s *server) getMTLSConfig(c *call) error {
	if err := s.mayMTLS(c); err != nil {
		return err
	}
	_, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	var out api.EndpointMtlsOut
	if e.Credentials != nil && e.Credentials.Identity != "" {
		out = api.EndpointMtlsOut{Enabled: true, Config: &api.EndpointMtlsConfigOut{}}
	}
	return c.json(http.StatusOK, out)
}

func (s *server) setMTLS(c *call) error {
	if err := s.mayMTLS(c); err != nil {
		return err
	}
	in, err := decode[api.EndpointMtlsConfigIn](c)
	if err != nil {
		return err
	}
	if in.Identity == "" {
		return hook.Fieldf("identity", "must be given")
	}
	_, err = s.changeCredentials(c, func(next *hook.Credentials) error {
		next.Identity = hook.HiddenText(in.Identity)
		return nil
	})
	if err != nil {
		return withoutPlace(err, "mtls")
	}
	return c.empty()
}

func (s *server) deleteMTLS(c *call) error {
	if err := s.mayMTLS(c); err != nil {
		return err
	}
	return s.dropCredentials(c, func(next *hook.Credentials) { next.Identity = "" })
}

func (s *server) getCA(c *call) error {
	_, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	var out api.EndpointServerCaOut
	if e.Credentials != nil && e.Credentials.CA != "" {
		out.Cert = &e.Credentials.CA
	}
	return c.json(http.StatusOK, out)
}

func (s *server) setCA(c *call) error {
	in, err := decode[api.EndpointServerCaIn](c)
	if err != nil {
		return err
	}
	if in.Cert != nil && *in.Cert == "" {
		return hook.Fieldf("cert", "must be PEM with at least one certificate, or null for the usual authorities")
	}
	_, err = s.changeCredentials(c, func(next *hook.Credentials) error {
		next.CA = ""
		if in.Cert != nil {
			next.CA = *in.Cert
		}
		return nil
	})
	if err != nil {
		return withoutPlace(err, "ca")
	}
	return c.empty()
}

// withoutPlace takes the first part of a field error's place away, where a body holds the
// thing itself.
func withoutPlace(err error, first string) error {
	var f *hook.FieldError
	if errors.As(err, &f) && len(f.Path) > 1 && f.Path[0] == first {
		return &hook.FieldError{Path: f.Path[1:], Text: f.Text, Code: f.Code}
	}
	return err
}

// warningsOf says in words which certificates end soon.
func warningsOf(out *api.CredentialsOut) []string {
	list := []string{}
	warn := func(what string, days int64) {
		switch {
		case days < 0:
			list = append(list, what+" has expired: set a new one")
		case days < int64(hook.CredentialWarning.Hours()/24):
			list = append(list, fmt.Sprintf("%s expires in %d days: set a new one", what, days))
		}
	}
	if out.MTLS != nil {
		warn("the client certificate", out.MTLS.DaysLeft)
	}
	if out.CA != nil {
		for _, one := range out.CA.Certificates {
			warn("the CA certificate "+one.Subject, one.DaysLeft)
		}
	}
	return list
}

// maxExpiring bounds a list of certificates.
const maxExpiring = 1000

// listExpiringCredentials lists the certificates of an environment that end soon, those that
// end first before the others.
func (s *server) listExpiringCredentials(c *call) error {
	const day = 24 * time.Hour
	days, err := c.q.number("within_days", int64(hook.CredentialWarning/day), 1, 365)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.ctx(), searchBudget)
	defer cancel()
	now, codec := s.now(), s.Catalog.Codec()
	out := api.ExpiringCredentials{Data: []api.ExpiringCredential{}}
	err = s.Search.EachCredentialed(ctx, c.env(), func(env hook.EnvironmentID, ofSource bool, e *hook.Endpoint) bool {
		row := api.ExpiringCredential{EndpointID: codec.Endpoint(e.Application, e.ID), UID: orNil(e.UID)}
		if e.IsDestination() {
			row.EndpointID = codec.Destination(e.Application, e.ID)
		}
		if owner := codec.Application(env, e.Application); !ofSource {
			row.AppID = &owner
		} else {
			row.SourceID = orNil(codec.Source(env, hook.SourceID(e.Application)))
		}
		identity, authority := e.Credentials.Ends()
		for part, at := range map[string]time.Time{"mtls": identity, "ca": authority} {
			if !at.IsZero() && at.Before(now.Add(time.Duration(days)*day)) {
				row.Part, row.NotAfter, row.DaysLeft = part, at.UTC(), daysUntil(at, now)
				out.Data = append(out.Data, row)
			}
		}
		out.IsCut = len(out.Data) >= maxExpiring
		return !out.IsCut
	})
	if errors.Is(err, context.DeadlineExceeded) && c.ctx().Err() == nil {
		err = hook.Errorf(hook.Overloaded, "it took too long to look at all endpoints")
	}
	if err != nil {
		return err
	}
	slices.SortFunc(out.Data, func(a, b api.ExpiringCredential) int {
		return cmp.Or(a.NotAfter.Compare(b.NotAfter), cmp.Compare(a.EndpointID, b.EndpointID), cmp.Compare(a.Part, b.Part))
	})
	return c.json(http.StatusOK, out)
}
