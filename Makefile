# A thin front: the work is done by CMake and by the scripts in spec/.
PRESET ?= release
PREFIX ?= /usr/local
ARGS ?=
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
PLAIN = $(if $(filter release,$(PRESET)),-DTIDEGATE_TESTS=OFF) # a user's build needs no cmocka

help:
	@echo "make run      build and start the gateway on 127.0.0.1:8080 (ARGS=\"FOLDER --listen HOST:PORT\")"
	@echo "make build    build/release/tidegate (PRESET=dev, asan, tsan, fuzz for the others)"
	@echo "make test     everything that must pass: C, Lua, end to end, recordings, SDKs (minutes)"
	@echo "make soak     the long loads and full matrices (an hour)"
	@echo "make bench    the table of targets, against nginx in the same run"
	@echo "make check    format, clang-tidy, luacheck, layers"
	@echo "make deps     install what is missing (Debian, Ubuntu); it is named elsewhere"
	@echo "make install  into PREFIX=$(PREFIX), under DESTDIR if set"
	@echo "make clean    remove what was built, keep what was downloaded"

deps:
	@sh spec/deps.sh build test bench

deps-build:
	@sh spec/deps.sh build

build: deps-build
	@cmake --preset $(PRESET) $(PLAIN) >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
	@cmake --build --preset $(PRESET) -j $(JOBS) --target tidegate

run: build
	@exec build/$(PRESET)/tidegate run $(ARGS)

test:
	@sh spec/deps.sh build test
	@python3 spec/run.py test

soak:
	@sh spec/deps.sh build test
	@python3 spec/run.py soak

bench: PRESET = release
bench: build
	@sh spec/deps.sh bench
	@$(MAKE) --no-print-directory -C spec/bench
	@python3 spec/bench/targets.py

check:
	@sh spec/deps.sh build test
	@python3 spec/run.py check

install: PRESET = release
install: build
	@cmake --install build/release --prefix $(PREFIX)

clean:
	@[ ! -d build ] || find build -mindepth 1 -maxdepth 1 ! -name deps -exec rm -rf {} +

.DEFAULT_GOAL := help
.PHONY: help deps deps-build build run test soak bench check install clean
