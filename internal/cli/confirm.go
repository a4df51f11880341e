package cli

import (
	"context"
	"errors"
	"fmt"
)

// errNothingChanged is what a person is told who said no.
var errNothingChanged = errors.New("nothing was changed")

// confirm asks a person; without one to ask, it wants --yes. What stands in question
// from elsewhere must be a cell.
func (p *program) confirm(ctx context.Context, yes bool, question string) error {
	if yes {
		return nil
	}
	if !isTerminal(p.In) {
		return usagef("this needs --yes where nobody can be asked")
	}
	fmt.Fprintf(p.Err, "%s [y/N] ", question)
	answered := make(chan string, 1) // by the reader, once
	go func() {
		var answer string
		// An empty line, or the end of input, is a no.
		_, _ = fmt.Fscanln(p.In, &answer)
		answered <- answer
	}()
	select {
	case answer := <-answered:
		if answer == "y" || answer == "Y" || answer == "yes" {
			return nil
		}
	case <-ctx.Done(): // Ctrl-C; the process ends, and the reader with it
		fmt.Fprintln(p.Err)
	}
	return errNothingChanged
}

func (r *remote) confirm(yes bool, question string) error {
	return r.program.confirm(r.ctx, yes, question)
}
