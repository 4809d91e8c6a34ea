# ringfence: every target is one line; what a target needs it installs and says so.
SHELL   := /bin/bash
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
PACKAGES = ./rules/... ./adapters/... ./sidecar/...
LDFLAGS  = -s -w -X main.version=$(VERSION)
STATIC   = honnef.co/go/tools/cmd/staticcheck@v0.7.0
PROFILE  = $(CURDIR)/sidecar/cmd/ringfence/default.pgo
FUZZTIME ?= 30s

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

build: need-go ## build bin/ringfence
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ringfence ./sidecar/cmd/ringfence

demo: build need-kamailio ## place real SIP calls through a real Kamailio and show what came back
	go run ./integration/demo

test: unit race integration ## run every test: unit, race detector, integration native and in Docker

unit: need-go ## unit tests, and the seeds of every fuzzer
	go test -pgo=off -timeout 20m $(PACKAGES)

race: need-go need-race ## the same under the race detector
	CGO_ENABLED=1 go test -pgo=off -race -timeout 20m $(PACKAGES)

integration: build need-kamailio need-docker need-freeswitch ## real Kamailio, FreeSWITCH and sipp, native and in Docker
	go test -count=1 -timeout 45m -p 1 ./integration/...

lint: need-go ## gofmt, vet, staticcheck and the import directions
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'make lint: run gofmt -w on the files above' >&2; exit 1; }
	go vet ./...
	go run $(STATIC) ./...
	cd integration/bench/opa && go vet ./... && go run $(STATIC) ./...
	go test -count=1 -run 'Imports' ./integration/layout

fuzz: need-go ## every fuzzer for FUZZTIME (30s each)
	integration/fuzz.sh $(FUZZTIME)

bench: build need-kamailio ## measured figures, one a line: NAME VALUE UNIT
	go run -pgo=$(PROFILE) ./integration/bench

profile: need-go ## record anew what the compiler optimises the program for
	go run -pgo=off ./integration/bench -profile $(PROFILE)

docker: ## build the images and start Kamailio with ringfence (Compose v1 or v2)
	docker/up.sh

clean: ## remove what make built
	rm -rf bin

need-go need-race need-kamailio need-docker need-freeswitch:
	@integration/need.sh $(@:need-%=%)

.PHONY: help build demo test unit race integration lint fuzz bench profile docker clean need-go need-race need-kamailio need-docker need-freeswitch
