package sqlite

import (
	"fmt"
	"reflect"
	"syscall"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
	"zombiezen.com/go/sqlite"
)

// diskError adds to an error of SQLite's files what an operator needs: which file, and
// what the system said. The driver does not hand out the system's error, so its handle of
// the connection is read by name; where a later driver names it otherwise, the number is
// left out.
func diskError(conn *sqlite.Conn, path string, err error) error {
	if code := sqlite.ErrCode(err).ToPrimary(); code != sqlite.ResultIOErr && code != sqlite.ResultCantOpen {
		return fmt.Errorf("%s: %w", path, err)
	}
	handle := reflect.ValueOf(conn).Elem().FieldByName("conn")
	if handle.Kind() != reflect.Uintptr || handle.Uint() == 0 {
		return fmt.Errorf("%s: %w", path, err)
	}
	tls := libc.NewTLS()
	defer tls.Close()
	errno := syscall.Errno(lib.Xsqlite3_system_errno(tls, uintptr(handle.Uint())))
	if errno == 0 {
		return fmt.Errorf("%s: %w", path, err)
	}
	return fmt.Errorf("%s: %w (errno %d: %w)", path, err, int(errno), errno)
}
