package kusto

import (
	"errors"
	"net/http"
	"strings"
)

// Obstacle is what made a request fail, by who can do something about it.
type Obstacle int

const (
	// Unrelated means that the error does not come from the service, its storage or the sign-in.
	Unrelated Obstacle = iota
	// Failing means that one of them did not answer, or answered with an unknown error.
	Failing
	// Throttling means that one of them accepts nothing more for now.
	Throttling
	// Denial means that the sign-in failed, or that the identity lacks a role.
	Denial
	// Absence means that there is no such database, table or mapping.
	Absence
	// Mistaken means that another server answers at the address.
	Mistaken
)

// signInCode begins the sign-in's error codes.
const signInCode = "AADSTS"

// ObstacleOf returns what made a request fail, by the codes and statuses of the answers.
func ObstacleOf(err error) Obstacle {
	var e *Error
	if !errors.As(err, &e) {
		return Unrelated
	}
	switch verdict := VerdictOf(e); {
	case e.OtherServer:
		return Mistaken
	case e.Status == http.StatusTooManyRequests, strings.Contains(e.Code, "Throttl"),
		strings.Contains(e.Code, "TooManyRequests"), e.Code == "ServerBusy":
		return Throttling
	case verdict == AccessDenied, strings.HasPrefix(e.Code, signInCode):
		return Denial
	case verdict == TargetMissing, verdict == MappingMissing:
		return Absence
	}
	return Failing
}
