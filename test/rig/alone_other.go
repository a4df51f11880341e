//go:build unix && !linux

package rig

import "testing"

// The addresses of a network made by MainAlone, which only Linux has.
const (
	OwnPublicIP  = "93.184.216.99"
	ResolverAddr = "127.0.0.53:53"
)

// MainAlone is Main: namespaces are Linux's.
func MainAlone(m *testing.M) int { return Main(m) }

// Alone says that this process has no network of its own, and why.
func Alone() (ok bool, why string) { return false, "network namespaces need Linux" }
