# Calypso's two commands on a new machine are `make demo` and `make test`. `make help` lists all of them.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

GO ?= go
# The version that the binaries report.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
# Pinned in tools/go.mod, built once into .tools/bin.
TOOLS := $(CURDIR)/.tools/bin
# Conformance, chaos and measurements have targets of their own.
# The packages that take longest come first.
TESTED ?= ./services/sink/... ./services/capture/... ./tests/usecase/... ./services/... ./libs/... ./examples/... ./tests/install/... ./tests/internal/... ./tests/report/... ./tests/reference/... ./tests/observability/... ./tests/walls/...
# Packages that are tested at a time: more than there are cores, since tests with real servers wait most of the time.
TESTED_AT_ONCE ?= 4
# Passed to every `go test`, for example TESTFLAGS='-run Snapshot -count=5'.
TESTFLAGS ?=
# AGAIN=1 runs a few tests that failed again, alone, and names those that pass then as unsteady (tests/report).
AGAIN ?=
# The exit status of go test if tests failed, which tests/report judges; any other failure counts by
# itself.
JUDGED := [ $$? = 1 ]
export PATH := $(TOOLS):$(PATH)
# What localadx imitates of Azure's service in tests: LIKE_ADX=all, or all but one form of answer, LIKE_ADX=all,-skipped-as-failed.
ifdef LIKE_ADX
export LOCALADX_LIKE_ADX := $(LIKE_ADX)
endif

##@ Run

.PHONY: build
build: ## Build every binary into bin/
	$(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/ ./services/...

.PHONY: demo
demo: build ## Build, then run the whole pipeline in one process: PostgreSQL, broker, ADX and orders included
	bin/calypso up

##@ Test

.PHONY: test
test: ## Run unit and integration tests with the race detector; says what was left out and why
	{ $(GO) test -race -p $(TESTED_AT_ONCE) -timeout 60m -json $(TESTFLAGS) $(TESTED) || $(JUDGED); } | $(GO) run ./tests/report $(if $(AGAIN),-again '-race -timeout 20m')

# Packages that have pure tests as well as tests that need servers.
BARE ?= ./libs/testenv ./libs/kafka ./libs/pgrepl ./libs/pgserver ./libs/verify ./libs/digest/... ./services/capture/internal/... ./services/orders-generator

.PHONY: bare
bare: ## Run tests as on a machine without PostgreSQL, Java and network, on which pure ones pass and the others skip (Linux; BARE=./...)
	tests/bare $(GO) test -count=1 -timeout 20m $(TESTFLAGS) $(BARE)

.PHONY: memory
memory: ## Bound the memory of processes whatever they are sent or asked; without the race detector, which would multiply it
	$(GO) test -count=1 -timeout 20m -json -run 'TestTheMemoryOfTheProcess|TestASinksProcessKeepsWithinItsMemory' ./services/localadx ./services/sink | $(GO) run ./tests/report ./services/localadx ./services/sink

.PHONY: conformance
conformance: ## Compare capture's records with those of Debezium, byte for byte (real PostgreSQL and Kafka; RUN=orders for one case)
	{ $(GO) test -count=1 -timeout 20m -parallel 4 -json -run '$(if $(findstring /,$(RUN))$(filter Test%,$(RUN)),$(RUN),/$(RUN))' ./tests/conformance || $(JUDGED); } | $(GO) run ./tests/report $(if $(AGAIN),-again '-timeout 20m') ./tests/conformance

.PHONY: conformance-record
conformance-record: ## Record the cases of conformance again with the real Debezium, which Maven fetches (RUN names cases)
	$(GO) test -count=1 -timeout 30m -parallel 4 -run 'TheSameSQL/$(RUN)' ./tests/conformance -record

.PHONY: conformance-random
conformance-random: ## Compare capture with the real Debezium on random tables, changes and settings (SEED=1 ROUNDS=1 KEEP=directory for what differs; with Avro where CALYPSO_TEST_AVRO_JARS names a directory with the jars of Confluent's AvroConverter)
	$(GO) test -count=1 -timeout 60m -v -run RandomTables ./tests/conformance -seed $(or $(SEED),1) -rounds $(or $(ROUNDS),1) $(if $(KEEP),-keep $(abspath $(KEEP)))

.PHONY: conformance-beside
conformance-beside: ## Run cases of a directory on capture and the real Debezium side by side (CASES=directory; see tests/conformance/beside_test.go)
	$(GO) test -count=1 -timeout 60m -parallel 8 -v -run GivenCases ./tests/conformance -beside $(abspath $(CASES))

.PHONY: transforms-record
transforms-record: ## Ask the transforms of Kafka Connect and Debezium again, which Maven fetches, and record their answers; random chains too (CHAINS=900 SEED=1; needs Java 17)
	$(GO) test -count=1 -timeout 20m -run TransformsGive ./libs/transform -record -chains $(or $(CHAINS),0) -chains-seed $(or $(SEED),1)

.PHONY: connect-record
connect-record: ## Send odd requests to a real Kafka Connect again, which Maven fetches, and record its answers (needs Java 17)
	$(GO) test -count=1 -timeout 20m -run OddRequests ./libs/connectapi -record

.PHONY: pg-versions
pg-versions: ## Run a part of capture's tests on PostgreSQL 12 to 18, with binaries that Maven fetches (VERSIONS="12 17")
	tests/pg-versions

.PHONY: chaos-capture
chaos-capture: ## Kill capture and break its network, PostgreSQL and Kafka; verify by identity (SEED, SHORT, RUN)
	$(GO) test -count=1 -timeout 60m -json -run '$(or $(RUN),Capture)' $(if $(SHORT),-short) ./tests/chaos -seed $(or $(SEED),1) | $(GO) run ./tests/report ./tests/chaos

.PHONY: ui-test
ui-test: ## Drive the web pages of admin and localadx in Chromium; pictures are left in bin/ui (CHROMIUM=/usr/bin/chromium; needs Node)
	$(MAKE) build
	cd services/admin/web && npm ci && UI_TEST_ARGS="$(CURDIR)/bin/calypso $(CURDIR)/bin/ui/admin $(or $(CHROMIUM),/usr/bin/chromium)" npm run test:ui
	cd services/localadx/web && npm ci && UI_TEST_ARGS="$(CURDIR)/bin/localadx $(CURDIR)/bin/ui/localadx $(or $(CHROMIUM),/usr/bin/chromium)" npm run test:ui

.PHONY: sdk-compat
sdk-compat: ## Run the Python, Node and Java SDKs of Azure Data Explorer against localadx (LIKE_ADX=all); packages are kept in .tools/sdk
	CALYPSO_SDK_COMPAT=$(CURDIR)/.tools/sdk $(GO) test -count=1 -timeout 20m -v ./services/localadx/sdkcompat

.PHONY: kql
kql: ## Compare KQL answers with those recorded from the real Kusto engine (CALYPSO_SHARED names the directory that holds kql/)
	$(GO) test -count=1 -v -run TestOracle ./services/localadx/engine

.PHONY: kql-fuzz
kql-fuzz: ## Compare random KQL queries with a plain interpreter of the documentation's words (SEED=0 takes one of the clock, FOR=1h)
	$(GO) test -count=1 -timeout 0 -v -run RandomQueries ./services/localadx/engine -kql-seed $(or $(SEED),0) -kql-for $(or $(FOR),1h)

.PHONY: chaos-sink
chaos-sink: ## Kill sink, break ADX and the network between, let workers join and leave; verify by identity (SEED, SHORT, RUN, LIKE_ADX)
	$(GO) test -count=1 -timeout 60m -json -run '$(or $(RUN),Sink)' $(if $(SHORT),-short) ./tests/chaos -seed $(or $(SEED),1) | $(GO) run ./tests/report ./tests/chaos

.PHONY: like-adx
like-adx: ## Run the sink's tests, chaos in short and soak in short against localadx as Azure's service is, in both forms of dropping a batch
	for form in all all,-skipped-as-failed; do \
	  LOCALADX_LIKE_ADX=$$form $(GO) test -count=1 -timeout 60m -json $(TESTFLAGS) ./services/sink/... | $(GO) run ./tests/report ./services/sink/...; \
	  LOCALADX_LIKE_ADX=$$form $(MAKE) chaos-sink SHORT=1; \
	  LOCALADX_LIKE_ADX=$$form $(MAKE) soak DURATION=40s; \
	done

.PHONY: faults
faults: ## Cause each fault of tests/faults in a running pipeline and check what operators are told by API, calypsoctl, metrics and alerts (RUN names faults)
	$(GO) test -count=1 -timeout 20m -parallel 20 -v -run 'Operators/$(RUN)' ./tests/faults

.PHONY: fleet
fleet: ## Three workers of capture and three of sink share connectors: kill each, restart all in turn; verify by identity (SEED, SHORT)
	$(GO) test -count=1 -timeout 60m -v -run 'AFleet' $(if $(SHORT),-short) ./tests/chaos -seed $(or $(SEED),1)

.PHONY: soak
soak: ## Do anything at random for ten minutes, as a state machine draws it, then verify by identity (SEED=1 DURATION=10m LIKE_ADX=all)
	$(GO) test -count=1 -timeout 60m -v -run TestSoak ./tests/chaos -seed $(or $(SEED),1) -duration $(or $(DURATION),10m)

# So few rows measure nothing: they show that every kind of events still goes through.
bench_short = -only snapshot,streaming -events plain,schema,avro,unwrap,cast -snapshot-rows 20000 -snapshot-runs 1 \
  -drain-rows 20000 -runs 1
bench_sink_short = -plain-rows 20000 -only 'without schema'

.PHONY: bench
bench: ## Measure capture: snapshot, streaming beside pg_recvlogical, latency, memory (SHORT=1 only checks that it runs)
	mkdir -p bin
	$(GO) build -o bin/bench ./tests/bench
	bin/bench capture -v $(if $(SHORT),$(bench_short)) -json bin/bench-capture.json | tee bin/bench-capture.md

.PHONY: bench-sink
bench-sink: ## Measure sink beside what Azure's Kafka Connect sink reached under the same conditions (SHORT=1 only checks that it runs)
	mkdir -p bin
	$(GO) build -o bin/bench ./tests/bench
	bin/bench sink -v $(if $(SHORT),$(bench_sink_short)) -json bin/bench-sink.json | tee bin/bench-sink.md

##@ Maintain

.PHONY: gen
gen: $(TOOLS)/buf ## Generate gen/ from proto/
	rm -rf gen/calypso gen/openapi
	buf generate

.PHONY: docs
docs: ## Generate docs/configuration.md from the catalogue, docs/metrics.md from the meters, and docs/localadx.md from localadx's own tables
	$(GO) run ./tests/reference > docs/configuration.md
	$(GO) run ./tests/reference metrics > docs/metrics.md
	$(GO) run ./services/localadx/cmd/localadx reference > docs/localadx.md

.PHONY: alerts
alerts: ## Generate the alert rules of deploy/observability from tests/observability/rules.go
	$(GO) run ./tests/observability

.PHONY: dashboards
dashboards: ## Generate Grafana's dashboards of deploy/observability from tools/dashboards, and check them by Grafana's schema
	GOWORK=off $(GO) run -C tools ./dashboards
	GOWORK=off $(GO) test -C tools ./dashboards

.PHONY: web
web: ## Build the web pages of admin and localadx (needs Node); the results are committed, so that building the services does not need Node
	cd services/admin/web && npm ci && npm run build
	cd services/localadx/web && npm ci && npm run build

.PHONY: web-check
web-check: web ## Check that the committed pages are what their sources build (needs Node)
	git diff --exit-code --stat -- services/admin/web/dist services/localadx/web/dist

.PHONY: tools
tools: $(TOOLS)/buf ## Build buf, the generators, golangci-lint and grpcurl into .tools/bin (230 MB; minutes the first time)

.PHONY: grpcurl
grpcurl: $(TOOLS)/grpcurl ## Build grpcurl only, into .tools/bin

.PHONY: lint
lint: $(TOOLS)/buf ## Check contracts, format and code: buf, gofmt, go vet, golangci-lint
	buf lint
	tests/breaking
	test -z "$$(gofmt -l gen libs services tests tools | tee -a /dev/stderr)"
	$(GO) vet ./...
	golangci-lint run ./...

.PHONY: clean
clean: ## Remove what the other targets made, the demo's data included
	rm -rf bin .tools .calypso

$(TOOLS)/buf: tools/go.mod tools/go.sum
	mkdir -p $(TOOLS)
	@echo "building the tools of tools/go.mod into $(TOOLS); the first time takes minutes"
	GOWORK=off $(GO) build -C tools -o $(TOOLS)/ tool
	touch $@

$(TOOLS)/grpcurl: tools/go.mod tools/go.sum
	mkdir -p $(TOOLS)
	GOWORK=off $(GO) build -C tools -o $(TOOLS)/ github.com/fullstorydev/grpcurl/cmd/grpcurl
	touch $@

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
