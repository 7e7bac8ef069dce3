package cli

import (
	"errors"
	"fmt"
)

// A NotReady says that work remains: some cells are neither clean nor without
// need. It is a result, which the report has told already, and no failure.
type NotReady struct{ Cells, Of int }

func (e NotReady) Error() string { return fmt.Sprintf("%d of %d verdicts ask for work", e.Cells, e.Of) }

// ExitCode is 1.
func (NotReady) ExitCode() int { return 1 }

// An InputError says that what the user gave cannot be used.
type InputError struct{ Err error }

func (e InputError) Error() string { return e.Err.Error() }
func (e InputError) Unwrap() error { return e.Err }

// ExitCode is 2.
func (InputError) ExitCode() int { return 2 }

// A MachineError says that the machine, the network or a tool failed.
type MachineError struct{ Err error }

func (e MachineError) Error() string { return e.Err.Error() }
func (e MachineError) Unwrap() error { return e.Err }

// ExitCode is 3.
func (MachineError) ExitCode() int { return 3 }

func input(err error) error {
	if err == nil {
		return nil
	}
	return InputError{err}
}

func machine(err error) error {
	if err == nil {
		return nil
	}
	return MachineError{err}
}

func inputf(format string, args ...any) error { return InputError{fmt.Errorf(format, args...)} }

// ExitCode is that of an error of Run, 0 for none.
func ExitCode(err error) int {
	var coded interface{ ExitCode() int }
	if errors.As(err, &coded) {
		return coded.ExitCode()
	}
	return 0
}
