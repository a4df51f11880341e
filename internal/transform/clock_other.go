//go:build !unix

package transform

import "time"

// processBegan stands for what nobody tells here: the clock is the processor's time.
var processBegan = time.Now()

func processorTime() time.Duration { return time.Since(processBegan) }
