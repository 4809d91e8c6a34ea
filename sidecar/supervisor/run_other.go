//go:build !linux

package supervisor

import "errors"

// Run fails: it needs what only Linux has.
func Run(Options) (code int, err error) {
	return 1, errors.New("supervise works on Linux alone (have the service manager of this system start ringfence serve again when it ends)")
}
