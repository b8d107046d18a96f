# The default target lists the targets. Each target says in one line what it is for.
GO          ?= go
GOTESTFLAGS ?=
# Long enough for the slowest package under the race detector on two cores.
TESTTIMEOUT ?= 15m
PACKAGES    ?= ./...
# The race detector does not look at memory that SQLite, which is C translated to Go, takes from the system itself: to instrument it finds nothing and makes
# tests of the database four times slower. So it is with what makes machine code of WebAssembly, each time in one goroutine. The driver of SQLite and the rest
# of wazero, where data of ours comes and goes, are instrumented. A package that instantiates something generic of sync must be, too: the linker may take its
# copy for all others, and what they synchronise is then reported as races.
WAZEVO      := github.com/tetratelabs/wazero/internal/engine/wazevo
UNWATCHED   := modernc.org/sqlite/lib modernc.org/memory $(WAZEVO)/ssa $(WAZEVO)/frontend $(WAZEVO)/backend/...
RACE        := -race $(UNWATCHED:%=-gcflags=%=-race=false)
# Most tests wait more than they compute, so more packages at a time than there are processors. A process under the race detector sleeps for a second
# before it ends, in case that something is still running; that is looked at by other means, and a tenth of it is enough.
TESTS       := GORACE="atexit_sleep_ms=100 $$GORACE" $(GO) test $(RACE) -p $$((2 * $$(getconf _NPROCESSORS_ONLN)))
FUZZSECONDS ?= 30
BENCHTIME   ?= 1s
CHAOSFLAGS  ?=
IMAGE       ?= fetchmill:local

.DEFAULT_GOAL := help
.PHONY: help run demo build test test-external lint fmt fuzz bench chaos image ci

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## start everything: broker, all services and the web page in one process
	$(GO) run ./cmd/fetchmill up

demo: ## show the pipeline at work on a local site; needs no network
	$(GO) run ./cmd/fetchmill demo

build: ## build the static binary ./fetchmill
	CGO_ENABLED=0 $(GO) build -trimpath -o fetchmill ./cmd/fetchmill

test: ## run all tests with the race detector, in random order
	$(TESTS) -shuffle=on -timeout $(TESTTIMEOUT) $(GOTESTFLAGS) ./...

test-external: ## run also the tests that need other programs: databases, Python
	$(TESTS) -shuffle=on -tags external -timeout $(TESTTIMEOUT) $(GOTESTFLAGS) $(PACKAGES)

lint: ## check format, vet, linters and the architecture
	.ci/run format vet lint architecture

fmt: ## format all Go files
	$$(.ci/tool gofumpt) -w .

fuzz: ## fuzz every decoder of outside input, FUZZSECONDS (30) each
	FUZZ_SECONDS=$(FUZZSECONDS) FUZZ_BUDGET=36000 .ci/run fuzz

bench: ## run the Go benchmarks; `fetchmill bench` measures the whole pipeline
	$(GO) test -run '^$$' -bench . -benchtime $(BENCHTIME) -benchmem ./...

chaos: ## kill services and broker at random while items flow
	$(TESTS) -count=1 -v -timeout 30m ./tests/chaos $(CHAOSFLAGS)

image: ## build the container image IMAGE (fetchmill:local) from this source
	deploy/image.sh $(IMAGE)

ci: ## run everything that the hosted checks run
	.ci/run
