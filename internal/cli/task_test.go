package cli

import "testing"

func TestPaceIsShownAsItWasGiven(t *testing.T) {
	for perSecond, want := range map[float64]string{50: "50/s", 1: "1/s", 2.5: "2.5/s", 1.0 / 60: "1/m", 0.5: "30/m", 10.0 / 3600: "10/h", 1e-5: "1e-05/s"} {
		if got := paceOf(perSecond); got != want {
			t.Errorf("%g: %s, want %s", perSecond, got, want)
		}
	}
}
