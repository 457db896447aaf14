package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Dir is a folder, opened once: everything is read and written in that very folder, wherever its path leads by
// then. It may be used by any number of goroutines.
type Dir struct {
	Path string // as it was given
	root *os.Root
}

// OpenDir opens a folder that exists.
func OpenDir(path string) (*Dir, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &Dir{path, root}, nil
}

// MakeDir makes a folder that only its owner may enter, with those above it that are missing, durably, and gives
// those it made, the topmost first. One that is there is left as it is.
func MakeDir(path string) (made []string, err error) {
	path = filepath.Clean(path)
	if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	parent := filepath.Dir(path)
	if made, err = MakeDir(parent); err != nil {
		return made, err
	}
	if err := mkdir(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return made, err
	}
	return append(made, path), syncFolder(os.Open(parent))
}

// Name gives the path of a file of the folder.
func (d *Dir) Name(name string) string { return filepath.Join(d.Path, name) }

// Open opens a file for reading. A link is not followed.
func (d *Dir) Open(name string) (*os.File, error) { return d.OpenFile(name, os.O_RDONLY) }

// OpenFile opens a file as os.OpenFile does, for its owner alone. A link is not followed, and what is no regular
// file is refused.
func (d *Dir) OpenFile(name string, flag int) (*os.File, error) {
	if err := d.Regular(name); err != nil {
		return nil, explain(err)
	}
	f, err := d.root.OpenFile(name, flag, 0o600)
	return f, explain(err)
}

// Regular is ErrNotRegular if something other than a file has that name.
func (d *Dir) Regular(name string) error {
	info, err := d.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is %w", d.Name(name), ErrNotRegular)
	}
	return err
}

var (
	// ErrNotRegular says that a link, a folder or a device stands where a file was expected.
	ErrNotRegular = errors.New("not a regular file")
	// ErrOpen says that a file cannot be read, written or replaced for as long as another program has it open, as
	// Windows has it.
	ErrOpen = errors.New("another program has it open, such as Excel: close it there")
)

// ReadFile reads a file of at most so many bytes.
func (d *Dir) ReadFile(name string, most int64) ([]byte, error) {
	f, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s is longer than %d bytes", d.Name(name), most)
	}
	if err != nil {
		return nil, err
	}
	return text, nil
}

// Names gives the names of what is in the folder, in order.
func (d *Dir) Names() ([]string, error) { return d.names(func(fs.DirEntry) bool { return true }) }

// Files gives the names of what is in the folder and is no folder itself, in order.
func (d *Dir) Files() ([]string, error) {
	return d.names(func(e fs.DirEntry) bool { return !e.IsDir() })
}

func (d *Dir) names(want func(fs.DirEntry) bool) (names []string, err error) {
	entries, err := fs.ReadDir(d.root.FS(), ".")
	for _, e := range entries {
		if want(e) {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// Has says whether there is something of that name.
func (d *Dir) Has(name string) bool {
	_, err := d.root.Lstat(name)
	return err == nil
}

// Stat describes the folder itself.
func (d *Dir) Stat() (fs.FileInfo, error) { return d.root.Stat(".") }

// Remove removes a file. One that is not there is no error.
func (d *Dir) Remove(name string) error {
	if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Sync makes what was created, renamed or removed in the folder durable.
func (d *Dir) Sync() error { return syncFolder(d.root.Open(".")) }

// Close closes the folder.
func (d *Dir) Close() error { return d.root.Close() }

const temporary = ".tmp" // the ending of files that are being written

// IsTemporary says whether a file of that name is one that was being written.
func IsTemporary(name string) bool {
	return strings.HasPrefix(name, ".") && strings.HasSuffix(name, temporary)
}

// RemoveTemporary removes what processes that died were writing. Only who holds the folder may do that.
func (d *Dir) RemoveTemporary() error {
	names, err := d.Names()
	for _, name := range names {
		if IsTemporary(name) {
			err = errors.Join(err, d.Remove(name))
		}
	}
	return err
}

// WriteFile writes a file whole: a crash leaves the old one or the new one.
func (d *Dir) WriteFile(name string, text []byte) error {
	p, err := d.Create(name)
	if err != nil {
		return err
	}
	defer p.Discard()
	p.Write(text) //nolint:errcheck // remembered until Commit
	return p.Commit()
}

// Pending is a file that takes its name when it is whole.
type Pending struct {
	*bufio.Writer // remembers its first error until Commit
	dir           *Dir
	file          *os.File // nil once it is committed or discarded
	name          string
}

// Create begins a file. Of those that have one name, one at a time can be written.
func (d *Dir) Create(name string) (*Pending, error) {
	if err := d.Remove(temporaryName(name)); err != nil {
		return nil, explain(err)
	}
	f, err := d.root.OpenFile(temporaryName(name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &Pending{bufio.NewWriterSize(f, 64<<10), d, f, name}, nil
}

func temporaryName(name string) string { return "." + name + temporary }

// Commit puts the file on disk and then in the place of an older one of its name.
func (p *Pending) Commit() error {
	f := p.file
	defer p.Discard()
	if err := errors.Join(p.Flush(), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("%s cannot be written: %w", p.name, err)
	}
	if err := p.dir.replace(temporaryName(p.name), p.name); err != nil {
		return fmt.Errorf("%s cannot be put in its place: %w", p.name, err)
	}
	p.file = nil
	return p.dir.Sync()
}

// Discard forgets a file that has not been committed. A temporary file that cannot be removed harms nobody.
func (p *Pending) Discard() {
	if p.file == nil {
		return
	}
	p.file.Close()                      //nolint:errcheck // nobody wants what is in it
	p.dir.Remove(temporaryName(p.name)) //nolint:errcheck // see above
	p.file = nil
}

// ErrInUse says that another process holds a file.
var ErrInUse = errors.New("another process holds it")

// Lock holds a file of the folder, which is made if need be, until release is called or the process ends, however it
// ends. The error is ErrInUse if another process holds it, or holds another file that had this name.
func (d *Dir) Lock(name string) (release func() error, err error) {
	f, err := d.OpenFile(name, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	if err := d.hold(name, f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error { return errors.Join(unlock(f), f.Close()) }, nil
}

func (d *Dir) hold(name string, f *os.File) error {
	if err := lock(f); err != nil {
		return err
	}
	mine, err := f.Stat()
	if err == nil && d.Leads(name, mine, 0) != nil {
		err = ErrInUse
	}
	return err
}

// Leads says whether the folder's path still leads to a file: to f itself, with at least so many bytes.
func (d *Dir) Leads(name string, f fs.FileInfo, size int64) error {
	now, err := os.Lstat(d.Name(name))
	switch {
	case err != nil:
		return fmt.Errorf("%s cannot be found any more: %w", d.Name(name), err)
	case !os.SameFile(now, f):
		return fmt.Errorf("%s has been replaced by another file", d.Name(name))
	case now.Size() < size:
		return fmt.Errorf("%s had %d bytes and has %d now", d.Name(name), size, now.Size())
	}
	return nil
}
