package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/internal/server"
)

func (p *program) backup() *cobra.Command {
	var withKey bool
	cmd := &cobra.Command{
		Use:   "backup FILE [flags]",
		Short: "Copy the store to a file, also while a server runs",
		Long: `Write a consistent copy of the store to FILE, also while a server runs: everything
that was acknowledged before is in it. "-" writes to standard output.

The sealing key is left out unless --with-key is given: without the key, nobody can
read the endpoints' secrets in the copy, and you need main.key or the main secret
to run it.`,
		Example: `  hookloft backup --data /var/lib/hookloft backup.tar
  hookloft backup --with-key - | gpg --encrypt -r ops@example.com > backup.tar.gpg`,
		Args: arguments("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withAdmin(cmd, server.RefuseMissing, func(ctx context.Context, a server.Admin) error {
				if args[0] == "-" {
					return a.Backup(ctx, p.Out, withKey)
				}
				n, err := writeWhole(args[0], func(w io.Writer) error { return a.Backup(ctx, w, withKey) })
				if err != nil {
					return err
				}
				fmt.Fprintf(p.Err, "wrote %s (%d bytes, %s)\n", args[0], n, map[bool]string{true: "with the sealing key: keep it secret", false: "without the sealing key"}[withKey])
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&withKey, "with-key", false, "Put the sealing key into the copy. Whoever has the file can then read every secret.")
	addKnobs(cmd, storeKnobs()...)
	return cmd
}

// writeWhole writes a file that is whole or not there: f fills a temporary file,
// which takes the name once it is on disk. The file is readable by its owner only.
func writeWhole(path string, f func(io.Writer) error) (size int64, err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	err = f(tmp)
	if err == nil {
		err = tmp.Sync()
	}
	if err == nil {
		size, err = tmp.Seek(0, io.SeekEnd)
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	return size, err
}

func (p *program) restore() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore FILE [flags]",
		Short: "Make a data directory from a backup",
		Long: `Make a data directory from a backup. The directory must be empty or not exist; every
file is compared with the backup's checksums. "-" reads standard input.

The restored server starts with deliveries held, because what was waiting when the
backup was made may have been sent since. It says what it would send;
'hookloft release' lets it go.`,
		Example: `  hookloft restore --data /var/lib/hookloft backup.tar
  hookloft serve --data /var/lib/hookloft
  hookloft release --data /var/lib/hookloft`,
		Args: arguments("FILE"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			c, err := p.settings(cmd, nil)
			if err != nil {
				return err
			}
			in := p.In
			if args[0] != "-" {
				file, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer file.Close() // opened for reading: nothing to lose
				in = file
			}
			done, err := server.Restore(cmd.Context(), in, c.Data)
			if err != nil {
				return err
			}
			fmt.Fprintf(p.Err, "restored %d files into %s, as of %s\n", done.Files, c.Data, done.CreatedAt.UTC().Format("2006-01-02 15:04:05 MST"))
			if !done.WithKey {
				fmt.Fprintf(p.Err, "the sealing key was not in the backup: put main.key into %s, or set the main secret, before you start the server\n", c.Data)
			}
			fmt.Fprintln(p.Err, "deliveries are held; 'hookloft release' lets them go")
			return nil
		},
	}
	addKnobs(cmd, "data")
	return cmd
}

func (p *program) release() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "release [flags]",
		Short: "Let the held deliveries of a restored store go",
		Example: `  hookloft release --dry-run
  hookloft release --data /var/lib/hookloft`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withAdmin(cmd, server.RefuseMissing, func(ctx context.Context, a server.Admin) error {
				hold, err := a.Hold(ctx)
				if err != nil {
					return err
				}
				switch {
				case !hold.Held:
					fmt.Fprintln(p.Err, "deliveries are not held; nothing to do")
					return nil
				case dryRun:
					fmt.Fprintf(p.Err, "held: %d deliveries to %d endpoints\n", hold.Pending, hold.Endpoints)
					return nil
				}
				if err := a.Release(ctx); err != nil {
					return err
				}
				fmt.Fprintf(p.Err, "released %d deliveries to %d endpoints\n", hold.Pending, hold.Endpoints)
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "Only say what would be sent.")
	addKnobs(cmd, storeKnobs()...)
	return cmd
}
