# `make help` lists the targets. Needs: python3 >= 3.11.4 with venv, and make.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11, 4))' 2>/dev/null && echo $$p && break; done)
# For two cores: some tests wait for processes, and then the others compute.
PYTEST_WORKERS ?= 5

# For two cores: while one process waits, the others compute. Each has a server and a browser of its own, and takes whole
# files, whose tests stay in order, so that a failure can be repeated.
E2E_WORKERS ?= 6
# Only what is to run is collected: importing the other tests takes each process seconds.
E2E = tests/e2e -p no:randomly -n $(E2E_WORKERS) --dist loadfile --no-loadscope-reorder

# Tests write and delete some hundred thousand small files, for each of which a disk that has just deleted as many may take a
# millisecond (docs/decisions/0068). So they are on a memory disk, where there is one and room; TMPDIR says otherwise.
MEMORY_DISK := $(shell [ -z "$$TMPDIR" ] && [ -w /dev/shm ] && awk '/MemAvailable/ { exit ($$2 < 14000000) }' /proc/meminfo 2>/dev/null \
	&& [ "$$(df -Pk /dev/shm | awk 'END { print $$4 }')" -gt 10000000 ] && echo /dev/shm)
IN_MEMORY = if [ -n "$(MEMORY_DISK)" ]; then TMPDIR=$$(mktemp -d $(MEMORY_DISK)/f.XXXX); export TMPDIR; trap 'rm -rf "$$TMPDIR"' EXIT INT TERM; fi

BIN := .venv/bin
PY := $(BIN)/python
# What .venv was made from. It holds absolute paths, so a copied or moved checkout needs its own.
STAMP = $(CURDIR) $(shell cat requirements.lock pyproject.toml | cksum)

.DEFAULT_GOAL := help
.PHONY: help setup up docs wheel test test-fast test-pythons test-e2e test-long browser modules check screenshots format bench bench-quick soak lock clean

help: ## List the targets
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## /\1\t/p' Makefile | expand -t 12

setup: ## Make .venv with everything (quick when nothing changed)
	@if [ "$$(cat .venv/stamp 2>/dev/null)" != "$(STAMP)" ]; then \
		set -e; \
		if [ -z "$(PYTHON)" ]; then echo "flyteui needs Python 3.11.4 or newer (older ones unpack archives unsafely): python3 was not found or is older." >&2; exit 1; fi; \
		echo "Setting up .venv (a minute or two the first time) ..."; \
		if grep -qsvF "$(CURDIR) " .venv/stamp || ! $(PY) -c '' 2>/dev/null; then $(PYTHON) -m venv --clear .venv; fi; \
		rm -f .venv/stamp; \
		$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock; \
		$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
		echo "$(STAMP)" > .venv/stamp; \
	fi

up: setup docs ## Start the server, a worker and a demo run (FLYTEUI_HOME, FLYTEUI_PORT)
	@exec $(BIN)/flyteui up

docs: setup ## Build the documentation, which the server shows at /docs/ (quick when nothing changed)
	@if [ ! -e build/site/index.html ] || [ -n "$$(find docs zensical.toml build_site.py -newer build/site/index.html -print -quit)" ]; then \
		echo "Building the documentation ..."; $(PY) build_site.py; \
	fi

wheel: setup modules ## Make dist/*.whl, which holds all that an installation needs
	@$(PY) -m hatchling build -t wheel

test: setup browser modules ## Run every test, browser tests included
	@rc=0; $(IN_MEMORY); \
	$(PY) -m pytest -n $(PYTEST_WORKERS) --ignore tests/e2e || rc=$$?; \
	$(PY) -m pytest $(E2E) || rc=$$?; \
	exit $$rc

test-fast: setup ## Run the tests that need neither a process nor a database (a minute)
	@$(IN_MEMORY); $(PY) -m pytest -n $(PYTEST_WORKERS) --ignore tests/e2e -m "not processes and not long and not django_db"

test-pythons: setup ## Run the quick tests, and a run with an abort, on each Python >= 3.11.4 that uv finds
	@$(PY) -m tests.pythons

test-e2e: setup browser modules ## Run only the end-to-end tests
	@$(IN_MEMORY); $(PY) -m pytest $(E2E)

test-long: setup browser modules ## Run the long forms of the proofs that take minutes (an hour)
	@rc=0; export FLYTEUI_TEST_LONG=1; $(IN_MEMORY); \
	$(PY) -m pytest --ignore tests/e2e -m long || rc=$$?; \
	$(PY) -m pytest -m long $(E2E) || rc=$$?; \
	exit $$rc

browser: setup ## Find a Chromium for the tests, or install one
	@$(PY) -m tests.browser

modules: setup ## Install what comes from npm, and join the scripts and styles of the pages
	@$(PY) -m tests.node

check: setup ## Lint, formats, types (of the scripts too), layers, templates, spelling, a deployed configuration, advisories
	@rc=0; run() { echo "== $$*"; "$$@" || rc=1; }; \
	run $(BIN)/ruff check .; \
	run $(BIN)/ruff format --check .; \
	run $(BIN)/mypy; \
	run $(BIN)/lint-imports --no-logo; \
	run find templates -name '*.html' -exec $(BIN)/djade --target-version 5.2 --check {} +; \
	run $(BIN)/typos; \
	run env FLYTEUI_HOME=.deployed FLYTEUI_PUBLIC_URL=https://flyteui.example.com FLYTEUI_LOG_LEVEL=ERROR \
		$(PY) manage.py check --deploy --fail-level WARNING; \
	run $(PY) -m tests.advisories; \
	run $(PY) -m tests.node --types; \
	exit $$rc

screenshots: setup browser ## Take the pictures of docs/screenshots anew
	@FLYTEUI_SCREENSHOTS=1 $(PY) -m pytest -q tests/e2e/page/test_every_state.py -k fits

format: setup ## Rewrite the code in its standard form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	find templates -name '*.html' -exec $(BIN)/djade --target-version 5.2 {} +

bench: setup ## Measure and print the table of budgets, and keep it in benchmarks/results
	@$(PY) -m benchmarks

bench-quick: setup ## Compare a fan-out with local mode, and fail where the ratio has fallen by 30 % (a minute)
	@$(PY) -m benchmarks --quick

soak: setup ## Random flows, aborts and kills for SOAK_SECONDS (180) from SOAK_SEED; fails unless all is kept
	@$(PY) -m benchmarks.soak

lock: setup ## Pin the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --all-extras \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
		pyproject.toml --output-file requirements.lock

clean: ## Remove what the tools made; .venv and the server's home stay
	@find . -path ./.venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
	@rm -rf .pytest_cache .mypy_cache .deployed .ruff_cache .import_linter_cache .hypothesis build *.egg-info
