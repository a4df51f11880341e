package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookloft/hookloft/internal/transform"
)

func TestDoctorNamesASandboxThatDoesNotStart(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	f := checkSandbox(t.Context(), transform.Options{Program: missing})
	if f.Result != checkWarn || !strings.Contains(f.Detail, missing) || f.Next == "" {
		t.Errorf("%+v", f)
	}
}
