package sidecar

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// newSuffix names the file that is written aside.
const newSuffix = ".new"

// replaceFile writes a new file, brings it to the disk and puts it in place of
// name, so that a crash leaves the old one or the new one whole. The new one
// comes back open, to append to. The folder is not synced yet.
func replaceFile(name string, write func(io.Writer) error) (*os.File, error) {
	f, err := os.OpenFile(name+newSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	w := bufio.NewWriterSize(f, bufferSize)
	if err = errors.Join(write(w), w.Flush(), f.Sync()); err == nil {
		err = os.Rename(name+newSuffix, name)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// writeFile is replaceFile of a file that is written as a whole each time. The new
// one outlives a crash of the machine.
func writeFile(name string, write func(io.Writer) error) error {
	f, err := replaceFile(name, write)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), syncFolder(filepath.Dir(name)))
}

// install moves a file to where it belongs, so that a crash leaves the one or the
// other whole.
func install(from, to string) error {
	file, err := os.OpenFile(from, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(to))
}

// syncFolder makes a rename outlive a crash of the machine.
func syncFolder(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
