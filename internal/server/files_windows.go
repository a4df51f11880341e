package server

// fileLimit returns a number that is below what Windows allows a process.
func fileLimit() int { return 8192 }

// privateFiles does nothing: new files have the rights of their directory here.
func privateFiles() {}
