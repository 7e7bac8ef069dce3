//go:build !unix

package run

import "os/exec"

func ownGroup(*exec.Cmd)                {}
func endGroup(*exec.Cmd)                {}
func signalName(*exec.ExitError) string { return "" }
