package kusto

import (
	"errors"
	"net/http"
	"strings"
)

// Obstacle is what stood in the way of a request, for who can clear it.
type Obstacle int

const (
	// Unrelated says that the error is none of the service's, its storage's or the sign-in's.
	Unrelated Obstacle = iota
	// Failing says that one of them did not answer, or answered that something is wrong which nothing more is known of.
	Failing
	// Throttling says that one of them accepts nothing more for now.
	Throttling
	// Denial says that the sign-in failed, or that the identity lacks a role.
	Denial
	// Absence says that there is no such database, table or mapping.
	Absence
	// Mistaken says that another server answers at the address.
	Mistaken
)

// signInCode begins the codes of the sign-in.
const signInCode = "AADSTS"

// ObstacleOf says what stood in the way, by the codes and statuses of the answers.
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
