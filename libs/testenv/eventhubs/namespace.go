package eventhubs

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Config says what a namespace is to be. Tier is needed.
type Config struct {
	Tier Tier
	// CutTransactions ends the connection of a client that asks for the coordinator of a
	// transaction, as the service did before it had an answer to that
	// (github.com/Azure/azure-event-hubs-for-kafka/issues/209); else the answer is an error.
	CutTransactions bool
	// RefuseTransactions has a tier that knows the requests of transactions refuse them, as the one
	// without does: the documentation calls them a preview of Premium and Dedicated in one place and
	// unsupported in another.
	RefuseTransactions bool
	// WithoutAdmin refuses to make and delete topics and to add partitions: by the documentation
	// since 2025-12 "Kafka AdminClient for topic management" is not available
	// (apache-kafka-configurations, "Configuration not supported"), although users have made topics
	// with it.
	WithoutAdmin bool
	// Idle replaces the 240 s after which idle connections are closed; 0 leaves them.
	Idle time.Duration
}

// Namespace is one running stand-in.
type Namespace struct {
	// Addr is host:port to connect to.
	Addr string

	config Config
	// broker is host:port of the Apache Kafka behind.
	broker string
	host   string
	port   int32
	listen net.Listener
	wg     sync.WaitGroup

	mu     sync.Mutex
	closed bool
	// conns holds both ends of every open connection.
	conns map[net.Conn]struct{}
	// refusals counts what was refused, by the rule.
	refusals map[string]int
	// due are the answers that the next produce requests get, in order.
	due []failure
	// epoch is added to the epochs of leaders.
	epoch int32
	// hubs are the topics made through the namespace.
	hubs map[string]struct{}
	// nextCommit is when a partition of a group takes the next commit.
	nextCommit map[commitKey]time.Time
}

type commitKey struct {
	group, topic string
	partition    int32
}

// Start listens on a free port in front of broker (host:port), which must be an Apache Kafka of one node.
func Start(broker string, cfg Config) (*Namespace, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the stand-in of Event Hubs: %w", err)
	}
	if cfg.Idle == 0 {
		cfg.Idle = idleTimeout
	}
	n := &Namespace{
		Addr: l.Addr().String(), config: cfg, broker: broker, listen: l, conns: map[net.Conn]struct{}{},
		refusals: map[string]int{},
		hubs:     map[string]struct{}{}, nextCommit: map[commitKey]time.Time{},
	}
	host, port, err := net.SplitHostPort(n.Addr)
	if err != nil {
		return nil, fmt.Errorf("split the address of the stand-in of Event Hubs: %w", err)
	}
	number, err := strconv.ParseInt(port, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read the port of the stand-in of Event Hubs: %w", err)
	}
	n.host, n.port = host, int32(number)
	n.wg.Go(n.accept)
	return n, nil
}

// Run is Start for a test.
func Run(t testing.TB, broker string, cfg Config) *Namespace {
	t.Helper()
	n, err := Start(broker, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// Throttle answers the next count produce requests with POLICY_VIOLATION, as the service does when
// it would have to hold a request back for longer than the request's timeout
// (apache-kafka-troubleshooting-guide).
func (n *Namespace) Throttle(count int) {
	n.answerNext(count, failure{kerr.PolicyViolation.Code, "throttling"})
}

// Stumble answers the next count produce requests with UNKNOWN_SERVER_ERROR, which by the service's
// own people is what most of its troubles show up as
// (github.com/Azure/azure-event-hubs-for-kafka/pull/7).
func (n *Namespace) Stumble(count int) {
	n.answerNext(count, failure{kerr.UnknownServerError.Code, "unknown server error"})
}

// ForgetProducers answers the next count produce requests with INVALID_PRODUCER_ID_MAPPING, as the
// service does after upgrades of its own (github.com/Azure/azure-event-hubs-for-kafka/issues/261).
func (n *Namespace) ForgetProducers(count int) {
	n.answerNext(count, failure{kerr.InvalidProducerIDMapping.Code, "producer id"})
}

// failure is an answer to a produce request, with the rule that it counts under.
type failure struct {
	code int16
	rule string
}

func (n *Namespace) answerNext(count int, f failure) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.due = append(n.due, slices.Repeat([]failure{f}, count)...)
}

// MoveLeaders has all partitions led by others from now on, by their epochs.
func (n *Namespace) MoveLeaders() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.epoch++
}

// Refusals says how often each rule refused something.
func (n *Namespace) Refusals() map[string]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.refusals)
}

// Close ends all connections and waits for their goroutines.
func (n *Namespace) Close() {
	n.mu.Lock()
	n.closed = true
	for c := range n.conns {
		c.Close()
	}
	n.mu.Unlock()
	n.listen.Close()
	n.wg.Wait()
}

// transactions reports whether transactional producers are served.
func (n *Namespace) transactions() bool {
	return n.config.Tier.Transactions && !n.config.RefuseTransactions
}

func (n *Namespace) refused(rule string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refusals[rule]++
}

func (n *Namespace) accept() {
	for {
		client, err := n.listen.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		n.wg.Go(func() { n.serve(client) })
	}
}

// open notes a connection; false if the namespace is closed.
func (n *Namespace) open(c net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		c.Close()
		return false
	}
	n.conns[c] = struct{}{}
	return true
}

func (n *Namespace) end(c net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, c)
	c.Close()
}

func (n *Namespace) serve(client net.Conn) {
	if !n.open(client) {
		return
	}
	defer n.end(client)
	server, err := net.DialTimeout("tcp", n.broker, 5*time.Second)
	if err != nil || !n.open(server) {
		return
	}
	defer n.end(server)
	c := &connection{namespace: n, client: client, server: server}
	for c.one() {
	}
}
