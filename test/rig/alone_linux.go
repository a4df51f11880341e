package rig

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

const (
	// aloneEnv is "1" in a process that has its own network; else it says why not.
	aloneEnv = "HOOKLOFT_TEST_ALONE"

	// OwnPublicIP is a public address that belongs to the machine's interface in a
	// network made by MainAlone.
	OwnPublicIP = "93.184.216.99"
	// ResolverAddr is where /etc/resolv.conf points to in a network made by
	// MainAlone. Nothing listens there until a test does.
	ResolverAddr = "127.0.0.53:53"
)

// MainAlone is Main in a network of the test's own: it runs this test program again
// in new network and mount namespaces (namespaces(7)) where only loopback exists,
// every address of the Internet is local, and the resolver is at ResolverAddr. So a
// listener on all addresses sees whom the binary dials, and no packet can leave the
// machine. It needs root, or a kernel that lets users make namespaces, and `ip`.
// Where that is missing the tests run in the usual network; they ask Alone.
func MainAlone(m *testing.M) int {
	if os.Getenv(aloneEnv) != "" {
		if err := enterAlone(); err != nil {
			os.Setenv(aloneEnv, err.Error())
		}
		return m.Run()
	}
	turn, err := takeTurn() // the run inside takes none
	if err != nil {
		fmt.Fprintln(os.Stderr, "rig:", err)
		return 1
	}
	defer turn.Close()
	dir, err := os.MkdirTemp("", "hookloft-rig-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "rig:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	// Built out here: in there is no network to fetch modules from.
	if os.Getenv(binEnv) == "" {
		if bin, err := build(dir); err == nil {
			os.Setenv(binEnv, bin)
		}
	}
	// The child is to die with this thread, so the thread must stay.
	runtime.LockOSThread()
	cmd, err := startAlone(dir, 0)
	if errors.Is(err, syscall.EPERM) {
		cmd, err = startAlone(dir, syscall.CLONE_NEWUSER)
	}
	if err != nil {
		os.Setenv(aloneEnv, err.Error())
		return m.Run()
	}
	if err := cmd.Wait(); err != nil {
		return 1
	}
	return 0
}

// Alone says whether this process runs in a network of its own, and if not, why.
func Alone() (ok bool, why string) {
	why = os.Getenv(aloneEnv)
	return why == "1", why
}

func startAlone(dir string, more uintptr) (*exec.Cmd, error) {
	conf := filepath.Join(dir, "resolv.conf")
	host, _, _ := strings.Cut(ResolverAddr, ":")
	// With three attempts of five seconds a silent resolver outlasts every limit of
	// the binary, so that the limit is what is seen.
	if err := os.WriteFile(conf, []byte("nameserver "+host+"\noptions attempts:3\n"), 0o644); err != nil {
		return nil, fmt.Errorf("write resolv.conf: %w", err)
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), aloneEnv+"=1", aloneEnv+"_RESOLV="+conf)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | more,
		Pdeathsig:  syscall.SIGKILL,
	}
	if more != 0 {
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("make a network namespace: %w", err)
	}
	return cmd, nil
}

// enterAlone furnishes the new namespaces.
func enterAlone() error {
	for _, args := range []string{
		"link set lo up",
		"route add local 0.0.0.0/0 dev lo",
		"-6 route add local ::/0 dev lo",
		"addr add " + OwnPublicIP + "/32 dev lo",
	} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", args, err, out)
		}
	}
	// Private, so that the next mount is not seen outside.
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := syscall.Mount(os.Getenv(aloneEnv+"_RESOLV"), "/etc/resolv.conf", "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("replace /etc/resolv.conf: %w", err)
	}
	return nil
}
