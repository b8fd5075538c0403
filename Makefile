# Everything from a bare checkout: each target first installs what it needs (system packages, .venv) and builds the
# native modules; what is there already is not done again.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
# The targets lean on each other's results (one .venv, one build tree); the build itself uses every core.
.NOTPARALLEL:

# Whoever runs this may have told Python to keep no bytecode; the tests start hundreds of interpreters, each of which
# would compile everything again.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
FUZZ_SECONDS ?= 60
NATIVE_SOURCES := $(shell find ext -name '*.pyx' -o -name '*.pxd' -o -name '*.h')
# The stubs of the package's interface; what its tests drive it with has none to keep.
STUBS := $(filter-out ext/mediaplane/testing/%,$(shell find ext -name '*.pyi'))
ASAN := build/debug-address
# Files of tests on several cores, and one more process for when others wait. Not those in the browser: it takes all
# cores by itself. A test that hangs in native code takes its process with it, and the rest goes on in a new one.
PARALLEL := --numprocesses $(shell n=$$(nproc); echo $$((n < 4 ? n + 1 : 4))) --dist loadfile --timeout-method thread
# The native tests once more, on a build with invariants and AddressSanitizer; leaks of the interpreter are not ours.
ASAN_ENVIRONMENT = LD_PRELOAD=$$(gcc -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc \
	PYTHONPATH=$(ASAN)/lib
TEST_ASAN = $(ASAN_ENVIRONMENT) $(BIN)/python -m pytest -q -p no:cacheprovider --benchmark-disable

.PHONY: help deps build serve test test-asan fuzz bench bench-compare lint clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14
	@echo 'Variables: ARGS="…" (for serve; for test and test-asan: pytest with these alone), QUICK=1 (for bench), BASE=commit (for bench-compare), PYTHON=python3.x (of which .venv is made)'

deps: .deps-test .venv/.installed-test .venv/.installed-lint ## install what building, testing and linting need

build: build/.native ## build the native modules in place

serve: build ## run a server for development at http://127.0.0.1:8080/
	exec $(BIN)/mediasrv serve --dev $(ARGS)

test: .deps-test build .venv/.installed-test ## run all tests
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	status=0; \
	$(BIN)/python -m pytest -m 'not browser' $(PARALLEL) || status=$$?; \
	$(BIN)/python -m pytest -m browser || status=$$?; \
	exit $$status
endif

test-asan: .deps-test build $(ASAN)/.built .venv/.installed-test ## run the native tests once more with AddressSanitizer
	$(TEST_ASAN) $(PARALLEL) $(or $(ARGS),tests/native tests/scenarios)

fuzz: build $(ASAN)/.built .venv/.installed-test ## throw random packets and orders at the media plane for FUZZ_SECONDS
	$(ASAN_ENVIRONMENT):tests $(BIN)/python -m fuzz.run --seconds $(FUZZ_SECONDS)

bench: build .venv/.installed-test ## measure each stage, and the server from socket to socket; JSON goes to bench/results
	mkdir -p bench/results
	$(BIN)/python -m pytest bench -q -o python_files='bench_*.py' --benchmark-json=bench/results/micro.json \
		--benchmark-timer=time.process_time --benchmark-quiet
	$(BIN)/python -m bench.table bench/results/micro.json
	$(BIN)/mediasrv loadtest --self --json bench/results/loadtest.json \
		$(if $(QUICK),--subscribers 20 --seconds 2,--subscribers 200)

bench-compare: build .venv/.installed-test ## fail if a stage is more than 25 % dearer than at BASE (where origin/main was left)
	$(BIN)/python -m bench.compare $(if $(BASE),--base $(BASE))

lint: build .venv/.installed-test .venv/.installed-lint ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$$PWD/$(BIN):$$PATH" cython-lint ext
	$(BIN)/mypy
	$(if $(STUBS),MYPYPATH=ext $(BIN)/stubtest --concise --ignore-disjoint-bases --ignore-unused-allowlist \
		--allowlist .ci/stubtest-allowlist $(subst /,.,$(patsubst ext/%.pyi,%,$(STUBS))))

clean: ## remove everything that was built or installed here
	rm -rf .venv build dist tests/e2e/node/node_modules .deps-build .deps-test *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find ext \( -name '*.so' -o -name '*.c' \) -delete
	find . -name __pycache__ -prune -exec rm -rf {} +

.deps-build: .ci/deps
	.ci/deps
	touch $@

.deps-test: .ci/deps tests/e2e/node/package-lock.json
	.ci/deps test
	touch $@

.venv/.created: .ci/python | .deps-build
	"$$(.ci/python)" -m venv .venv
	touch $@

.venv/.build-tools: .venv/.created pyproject.toml
	$(BIN)/python -m pip install -q 'setuptools>=77' 'cython>=3.1'
	touch $@

# pip would compile the native modules in a folder that it throws away; build/.native does it so that they stay, and the
# next build compiles only what changed.
.venv/.installed: .venv/.build-tools pyproject.toml
	MEDIASRV_WITHOUT_NATIVE=1 $(BIN)/python -m pip install -q --no-build-isolation -e .
	touch $@

.venv/.installed-%: .venv/.installed
	MEDIASRV_WITHOUT_NATIVE=1 $(BIN)/python -m pip install -q --no-build-isolation -e '.[$*]'
	touch $@

build/.native: $(NATIVE_SOURCES) setup.py .venv/.installed
	@echo 'mediasrv: compiling the native modules: a minute or two if it is all of them'
	$(BIN)/python setup.py -q build_ext --inplace
	mkdir -p $(@D) && touch $@

$(ASAN)/.built: $(NATIVE_SOURCES) setup.py .venv/.installed
	MEDIASRV_DEBUG=1 MEDIASRV_SANITIZE=address $(BIN)/python setup.py -q \
		build --build-base=$(ASAN) --build-lib=$(ASAN)/lib --build-temp=$(ASAN)/objects
	touch $@
