package admin

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

// maxLoggerName bounds the name of a logger in bytes.
const maxLoggerName = 300

func (s *service) ListLoggers(context.Context, *adminv1.ListLoggersRequest) (*adminv1.ListLoggersResponse, error) {
	r := &adminv1.ListLoggersResponse{}
	s.loggers.All(func(name, level string, modified time.Time) {
		one := &adminv1.Logger{Name: name, Level: level}
		if !modified.IsZero() {
			one.SetTime = timestamppb.New(modified)
		}
		r.Loggers = append(r.Loggers, one)
	})
	return r, nil
}

func (s *service) SetLoggerLevel(_ context.Context,
	q *adminv1.SetLoggerLevelRequest) (*adminv1.SetLoggerLevelResponse, error) {
	if q.Logger == "" || len(q.Logger) > maxLoggerName {
		return nil, rpc.InvalidField("logger",
			fmt.Sprintf("a logger's name has 1 to %d bytes; root is the one above all", maxLoggerName))
	}
	changed, known := s.loggers.Set(q.Logger, q.Level)
	if !known {
		return nil, rpc.Error(codes.InvalidArgument, "LEVEL_UNKNOWN",
			fmt.Sprintf("%.100q is no level: ALL, TRACE, DEBUG, INFO, WARN, ERROR, FATAL or OFF", q.Level))
	}
	return &adminv1.SetLoggerLevelResponse{Changed: changed}, nil
}
