// Package tools pins the versions of the programs that generate and check code (go.mod's tool
// block). It is outside the workspace, so that their dependencies do not raise those of the
// services: run them with `GOWORK=off go tool -C tools`.
package tools
