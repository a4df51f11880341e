package sqlite

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
)

// storedShape is an endpoint's shape inside the sealed column. Durations are milliseconds.
type storedShape struct {
	Method  string        `json:"method,omitempty"`
	Body    hook.BodyForm `json:"body,omitempty"`
	XMLRoot string        `json:"xml_root,omitempty"`
	Token   *storedToken  `json:"token,omitempty"`
	Success [][2]int      `json:"success,omitempty"`
	Timeout int64         `json:"timeout,omitempty"`
	// Policy is nil for an inherited one; an empty one is a single attempt.
	Policy *[]int64 `json:"policy,omitempty"`
}

type storedToken struct {
	In    hook.Place `json:"in,omitempty"`
	Name  string     `json:"name"`
	Value string     `json:"value"`
}

// sealShape returns the sealed column of an endpoint's shape, nil for none.
func (c *catalog) sealShape(e *hook.Endpoint) ([]byte, error) {
	s := e.Shape
	if s == nil {
		return nil, nil
	}
	stored := storedShape{Method: s.Method, Body: s.Body, XMLRoot: s.XMLRoot, Timeout: s.Timeout.Milliseconds()}
	if t := s.Token; t != nil {
		stored.Token = &storedToken{In: t.In, Name: t.Name, Value: t.Value}
	}
	for _, r := range s.Success {
		stored.Success = append(stored.Success, [2]int{r.Low, r.High})
	}
	if s.RetryPolicy != nil {
		policy := policyMillis(s.RetryPolicy)
		stored.Policy = &policy
	}
	plain, err := json.Marshal(stored)
	if err != nil {
		return nil, fmt.Errorf("encode shape: %w", err)
	}
	return c.sealer.Seal(plain, endpointContext(e.ID, "shape")), nil
}

func (c *catalog) openShape(e *hook.Endpoint, sealed []byte) error {
	if sealed == nil {
		return nil
	}
	plain, err := c.sealer.Open(sealed, endpointContext(e.ID, "shape"))
	if err != nil {
		return fmt.Errorf("open shape of endpoint %d: %w", e.ID, err)
	}
	var stored storedShape
	if err := json.Unmarshal(plain, &stored); err != nil {
		return fmt.Errorf("decode shape of endpoint %d: %w", e.ID, err)
	}
	s := &hook.Shape{Method: stored.Method, Body: stored.Body, XMLRoot: stored.XMLRoot, Timeout: time.Duration(stored.Timeout) * time.Millisecond}
	if t := stored.Token; t != nil {
		s.Token = &hook.ShapeToken{In: t.In, Name: t.Name, Value: t.Value}
	}
	for _, r := range stored.Success {
		s.Success = append(s.Success, hook.StatusRange{Low: r[0], High: r[1]})
	}
	if stored.Policy != nil {
		s.RetryPolicy = policyOfMillis(*stored.Policy)
	}
	e.Shape = s
	return nil
}

// policyMillis and policyOfMillis are a retry policy as it is stored. Neither makes nil of
// an empty one: that is a policy too.
func policyMillis(policy []time.Duration) []int64 {
	list := make([]int64, 0, len(policy))
	for _, d := range policy {
		list = append(list, d.Milliseconds())
	}
	return list
}

func policyOfMillis(list []int64) []time.Duration {
	policy := make([]time.Duration, 0, len(list))
	for _, n := range list {
		policy = append(policy, time.Duration(n)*time.Millisecond)
	}
	hook.RaiseRetrySteps(policy)
	return policy
}

// argPolicy is a retry policy as an argument; nil is NULL.
func argPolicy(policy []time.Duration) any {
	if policy == nil {
		return nil
	}
	return mustJSON(policyMillis(policy))
}

func columnPolicy(stmt *sqlite.Stmt, col int) ([]time.Duration, error) {
	var list []int64
	if err := columnJSON(stmt, col, &list); err != nil || list == nil {
		return nil, err
	}
	return policyOfMillis(list), nil
}

// eventTypePolicies returns the event types of an environment that have a retry policy of
// their own; nil when none has. Index: event_type_policy, so that a catalogue of thousands
// of types costs a plan nothing.
func eventTypePolicies(conn *sqlite.Conn, env hook.EnvironmentID) (map[string][]time.Duration, error) {
	const sql = "SELECT name, retry_policy FROM event_type WHERE environment = ?1 AND retry_policy IS NOT NULL"
	var policies map[string][]time.Duration
	err := catalogQuery(conn, sql, func(stmt *sqlite.Stmt) error {
		policy, err := columnPolicy(stmt, 1)
		if err != nil {
			return err
		}
		if policies == nil {
			policies = map[string][]time.Duration{}
		}
		policies[stmt.ColumnText(0)] = policy
		return nil
	}, env)
	return policies, err
}

// policyChanged makes memory forget the plans of an environment when a type's retry policy
// is not what it was. Versions stay: whom a message goes to does not depend on it, so no
// publish must plan again.
func policyChanged(tx *catalogTx, env hook.EnvironmentID, name string, policy []time.Duration) error {
	var old []time.Duration
	err := tx.query("SELECT retry_policy FROM event_type WHERE environment = ?1 AND name = ?2", func(stmt *sqlite.Stmt) (err error) {
		old, err = columnPolicy(stmt, 0)
		return err
	}, env, name)
	if err == nil && ((old == nil) != (policy == nil) || !slices.Equal(old, policy)) {
		tx.environments = append(tx.environments, env)
	}
	return err
}
