# Every command of the project. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

export CGO_ENABLED ?= 0
BIN := bin
# golangci-lint is installed here and not through go.mod: its hundreds of
# dependencies are none of the product's.
LINT_VERSION := v2.15.0
LINT := $(BIN)/golangci-lint
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
# Rooms whose tests are also run under the race detector, which needs cgo.
RACE := ./api/... ./internal/... ./webhook/...

.PHONY: help run build test prove check bench ui generate dist lint clean

help: ## List the commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

run: build ## Try it: a server with an inbox, a token and a first message
	@exec $(BIN)/hookloft dev

build: ## Build bin/hookloft
	go build -o $(BIN)/hookloft ./cmd/hookloft

test: build ## Run every test, those that kill real servers included (about 15 minutes)
	HOOKLOFT_BIN=$(CURDIR)/$(BIN)/hookloft go test -timeout 30m ./...
	for module in $$(git ls-files 'test/*/go.mod'); do \
		(cd $$(dirname $$module) && HOOKLOFT_BIN=$(CURDIR)/$(BIN)/hookloft go test -timeout 10m ./...); \
	done

prove: build ## Run the fault tests with full counts, and judge times, too: for a quiet machine
	HOOKLOFT_BIN=$(CURDIR)/$(BIN)/hookloft HOOKLOFT_KILLS=100 HOOKLOFT_CUTS=50 HOOKLOFT_QUIET_MESSAGES=200000 HOOKLOFT_TEST_DOWN_SECONDS=60 HOOKLOFT_TEST_STRICT=1 \
	go test -count=1 -v -timeout 60m ./test/...

check: ## Formatting, vet, lint, floor plan, and tests under the race detector
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [[ -n $$unformatted ]]; then echo "not formatted:" $$unformatted >&2; exit 1; fi
	go vet ./...
	go mod tidy -diff
	$(MAKE) lint
	go test -count=1 -run 'ArrowsPointDown|FloorPlan' ./internal
	@# A program under the race detector sleeps for a second before it exits; the tests of
	@# commands run hundreds.
	CGO_ENABLED=1 GORACE=atexit_sleep_ms=10 go test -race -short -timeout 15m $(RACE)

lint: $(LINT)
	$(LINT) run ./...

$(LINT):
	GOFLAGS= GOBIN=$(CURDIR)/$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

bench: ## Measure against a bare relay; writes bench/RESULTS.md (about 15 minutes)
	go run ./bench/run -out bench/RESULTS.md -json bench/results.json -notes bench/notes.md

ui: ## Build the pages from web/src into web/dist, which is committed
	cd web && { [[ -d node_modules ]] || npm ci --no-audit --no-fund; } && npm run build

generate: ## Make generated files anew
	go generate ./...

dist: ## Build release archives for all platforms, with checksums
	rm -rf dist && mkdir -p dist
	for platform in $(PLATFORMS); do \
		os=$${platform%/*}; arch=$${platform#*/}; name=hookloft_$${os}_$$arch; \
		program=hookloft; if [[ $$os == windows ]]; then program=hookloft.exe; fi; \
		GOOS=$$os GOARCH=$$arch go build -trimpath -buildvcs=auto -ldflags='-s -w' -o dist/$$name/$$program ./cmd/hookloft; \
		cp LICENSE README.md CHANGELOG.md dist/$$name/; \
		if [[ $$os == linux ]]; then cp deploy/hookloft.service dist/$$name/; fi; \
		tar -C dist --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -czf dist/$$name.tar.gz $$name; \
		rm -r dist/$$name; \
	done
	cd dist && sha256sum *.tar.gz > SHA256SUMS && cat SHA256SUMS

clean: ## Remove what the commands above made
	rm -rf $(BIN) dist
