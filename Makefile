# make prints what there is to make.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
# The user's cache folder, as Go's os.UserCacheDir has it: weft keeps its models there, and the tests look there.
ifeq ($(shell uname -s),Darwin)
CACHE   := $(HOME)/Library/Caches/weft
else
CACHE   := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/weft
endif
GOPATH_BIN := $(shell $(GO) env GOPATH)/bin

TEST_VENV  := $(CACHE)/test-venv
BENCH_VENV := $(CACHE)/bench-venv
export PATH := $(PATH):$(GOPATH_BIN)
# ONNX Runtime reports to its makers otherwise; weft tells it so itself, the Python beside it is told here.
export ORT_DISABLE_TELEMETRY := 1

GOLANGCI_VERSION := v2.15.0
GOLANGCI := $(CACHE)/tools/golangci-lint-$(GOLANGCI_VERSION)/golangci-lint

# Packages without the race detector: arithmetic on one goroutine, where it finds nothing and costs minutes, and tests
# that drive whole programs, where it would watch only the driver.
PLAIN := weft|weft/examples/.*|weft/serve/console/browser|weft/extractors/(pixels|wordpiece|efficientnet)|weft/onnx/graph|weft/cmd/.*|weft/campaign(/.*)?

.PHONY: help
help: ## print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/weft
	@scripts/ensure.sh compiler
	$(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/weft ./cmd/weft

.PHONY: models
models: build ## fetch the default models and the ONNX Runtime library to the cache
	@scripts/ensure.sh python
	bin/weft models pull

.PHONY: demo
demo: demo-libraries models ## run the sample shop and draw its nearest neighbours; SERVE=1 stays up
	bin/weft demo $(if $(SERVE),--serve) $(ARGS)

# Without TurboJPEG and libwebp the demo still runs, with the decoders of the Go library.
.PHONY: demo-libraries
demo-libraries:
	@scripts/ensure.sh libraries || echo 'demo: going on with the decoder class "go"' >&2

.PHONY: test
test: test-needs ## vet and run every test; installs the servers the tests start
	$(GO) vet ./...
	failed=0; \
	  $(GO) test -race $$($(GO) list ./... | grep -vxE '$(PLAIN)') || failed=1; \
	  $(GO) test $$($(GO) list ./... | grep -xE '$(PLAIN)') || failed=1; \
	  exit $$failed

.PHONY: test-needs
test-needs:
	@scripts/ensure.sh compiler libraries curl redis versitygw python chromium
	@scripts/venv.sh $(TEST_VENV) scripts/test-requirements.txt
	@scripts/query-engine.sh $(CACHE)/query-engine $(TEST_VENV)/bin/python
	@$(MAKE) --no-print-directory models

.PHONY: race
race: test-needs ## run every test under the race detector
	$(GO) test -race ./...

.PHONY: lint
lint: $(GOLANGCI) ## gofmt, go vet and golangci-lint
	@scripts/ensure.sh compiler
	@unformatted=$$(git ls-files -z -- '*.go' | xargs -0 gofmt -l); \
	  if [ -n "$$unformatted" ]; then printf 'gofmt these:\n%s\n' "$$unformatted" >&2; exit 1; fi
	$(GO) vet ./...
	$(GOLANGCI) run ./...

$(GOLANGCI):
	@echo 'lint: building golangci-lint $(GOLANGCI_VERSION) (about a minute, once)' >&2
	GOBIN=$(@D) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

# The folder of photos that bench takes: PHOTOS=DIR for one's own.
PHOTOS ?= examples/catalogue

.PHONY: bench
bench: models ## photos to vectors, in turn with the plain Python pipeline of bench/; PHOTOS=DIR, ARGS='--runs 5'
	@scripts/ensure.sh libraries
	@scripts/venv.sh $(BENCH_VENV) bench/requirements.txt
	bin/weft bench --baseline '$(BENCH_VENV)/bin/python bench/baseline.py --model {model} --processes 2 {photos}' $(ARGS) $(PHOTOS)

.PHONY: campaign
campaign: test-needs ## break a fleet on purpose, the long version; ARGS='-seed 1 -faults 100'
	$(GO) test ./campaign -run '^TestCampaign$$' -count=1 -v -timeout 120m -long $(ARGS)

.PHONY: never-below
never-below: models ## train on many kinds of shops and compare with EASE, some 20 minutes; ARGS='-seed 2 -tables DIR -kind dense'
	$(GO) test ./fusion/train -run '^TestNeverBelowEASE$$' -count=1 -v -timeout 120m -long $(ARGS)

.PHONY: movielens
movielens: models ## learn from 943 real people what they watch and who they are (MovieLens 100k, fetched by pip, not kept), some minutes
	@rm -rf out/movielens && mkdir -p out/movielens
	scripts/movielens.sh out/movielens/tables
	bin/weft train --tables out/movielens/tables --split user --modality text=out/movielens/tables/items.csv:title --modality genres=out/movielens/tables/items.csv:genres \
	  --profiles out/movielens/tables/users.csv --out out/movielens/model $(ARGS)
	bin/weft evaluate --tables out/movielens/tables --split user --modality text=out/movielens/tables/items.csv:title --modality genres=out/movielens/tables/items.csv:genres \
	  --model out/movielens/model --report out/movielens/evaluation.html

.PHONY: schemathesis
schemathesis: test-needs ## requests made up from /openapi.json against a live server, some minutes; ARGS='-schemathesis 500 -schemathesis-seed 2'
	$(GO) test ./cmd/weft -run '^TestAPIAsDescribed$$' -count=1 -v -timeout 60m -schemathesis 100 $(ARGS)

.PHONY: slow
slow: ## more slow connections than weft serve takes at once: memory, and how long the others wait
	$(GO) test ./serve -run '^TestManySlowConnections$$' -count=1 -v -slow 10000 $(ARGS)

.PHONY: explain
explain: ## 1000 explanations: do the shares add up, and does the score fall without the top evidence; untrained and with trained towers; some minutes
	$(GO) test ./serve -run '^TestWithoutItsTopEvidenceAScoreFalls$$' -count=1 -v -explain-pairs 1000 $(ARGS)
	$(GO) test ./serve -run '^TestWithoutItsTopEvidenceAScoreFalls$$' -count=1 -v -explain-pairs 1000 -explain-trained $(ARGS)

.PHONY: recall
recall: models ## search among 10000, 100000 and 1000000 real vectors, jittered: recall@10, times, memory
	$(GO) test ./serve -run '^$$' -bench '^BenchmarkRecall$$' -benchtime 500x -timeout 60m -recall-products 10000,100000,1000000 $(ARGS)

.PHONY: burst
burst: test-needs ## autoscale from zero under a burst of PHOTOS (20000); the timeline in out/burst.html; ARGS='-burst-target 5m'
	@mkdir -p out
	$(GO) test ./cmd/weft -run '^TestBurst$$' -count=1 -v -timeout 60m -burst-photos $(if $(filter command line,$(origin PHOTOS)),$(PHOTOS),20000) \
	  -burst-target 5m -burst-cool-down 30s -burst-report $(CURDIR)/out/burst.html $(ARGS)

.PHONY: scale
scale: test-needs ## 1, 2, 4 and 8 worker processes with an encoder of fixed cost; ARGS='-scale-cost 20ms'
	$(GO) test ./worker -run '^TestScale$$' -count=1 -v -timeout 30m -scale-items 500 -scale-cost 50ms -scale-idle 2s -scale-workers 1,2,4,8 $(ARGS)

.PHONY: turns
turns: test-needs ## what a small tenant sees of one with 50 times its load, some five minutes; ARGS='-turns-runners 1'
	$(GO) test ./cmd/weft -run '^TestTurns$$' -count=1 -v -timeout 30m -turns-for 60s -turns-rate 1 -turns-cost 50ms -turns-at-most 2 $(ARGS)

.PHONY: cutoff
cutoff: test-needs ## cut one worker off from Redis, and then from S3, for two minutes each
	$(GO) test ./campaign -run '^TestCampaign$$' -count=1 -v -timeout 30m -kinds 'cut off' -faults 2 -cut 2m $(ARGS)

.PHONY: deploy-check
deploy-check: ## lint and template the chart, test the alerts; builds helm and promtool once
	deploy/check.sh

.PHONY: dashboard
dashboard: test-needs ## ask every panel of a live fleet, through Prometheus (built once); the picture in docs/dashboard.jpg
	$(GO) test ./cmd/weft -run '^TestDashboard$$' -count=1 -v -timeout 15m -dashboard-prometheus "$$(deploy/prometheus.sh prometheus)" \
	  -dashboard-picture $(CURDIR)/docs/dashboard.jpg $(ARGS)

.PHONY: keda-check
keda-check: test-needs ## KEDA's own scaler against weft serve; builds KEDA and helm once, some ten minutes
	deploy/keda/check.sh

.PHONY: deploy-rehearse
deploy-rehearse: ## run the image's steps without an engine
	deploy/image/rehearse.sh

.PHONY: fuzz
fuzz: ## run each fuzz target for SECONDS (20)
	scripts/fuzz.sh $(or $(SECONDS),20)

.PHONY: requirements
requirements: ## pin bench/ and scripts/ requirements again (needs uv)
	for f in scripts/test-requirements bench/requirements; do \
	  UV_CUSTOM_COMPILE_COMMAND='make requirements' uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url -o $$f.txt $$f.in; \
	done

.PHONY: clean
clean: ## remove what was built here (caches stay)
	rm -rf bin out
