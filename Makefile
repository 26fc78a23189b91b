# make demo    everything from nothing, then a first map with two local workers
# make test    all tests, browsers included; .ci/run calls this
# make check   what is fast: formats, types, imports, unit tests of Python and of the page
# make page    the page and the runtimes, into src/nitocris/_page
# make wheel   a wheel with everything, into dist/
# make fuzz    a million damaged results into the codec
# make chaos   60 SIGKILLs a minute among 20 native workers, for some minutes
# make kills   200 SIGKILLs of an owner that keeps a journal
# make attacks 200,000 fuzzed frames, lies and minutes of floods, while an honest map runs
# make engines real clusters of Dask and Ray beside a browser, killed, grown and started again
# make joblib  joblib's own tests of its backends, over ours
# make soak    five million items through one page: its memory, its chart, its longest tasks
# make docs    docs/api.md, from the docstrings
# make screenshots   the page's states, into docs/images
# make pythons   long browser tests, and all unit tests under the other Pythons of this machine
# make bench   the paper's figures again, the peers, browsers and 5,000 devices: docs/performance.md
# make simulation   10,000 seeds, 100,000 workers, the tables of docs/scheduler.md and docs/trust.md
# make format  formats all sources
# make clean   removes what the targets above made
#
# PYTHON=/path/to/python chooses the interpreter of the environment.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := demo

BIN := .venv/bin
# Each of these is the last file that its step writes, so an interrupted step is done again.
ENVIRONMENT := .venv/environment
BENCH_ENVIRONMENT := .venv-bench/environment
MODULES := web/node_modules/.package-lock.json
PAGE := src/nitocris/_page/index.html
OTHER_BROWSERS := tests/browser/test_other_browsers.py
ACCESSIBILITY := tests/browser/test_accessibility.py
EXAMPLES := tests/integration/test_examples.py
LIBRARIES := $(addprefix tests/integration/test_,libraries.py pytest_plugin.py dask.py benchmarks.py)

PAGE_SOURCES := $(shell find web/src web/public web/scripts -type f 2>/dev/null) \
	$(wildcard web/*.html web/*.ts web/*.json web/.npmrc)

# Python's half and Node's half run at once, each with its output in one piece.
LANES = $(subst -j2,-j3,$(PARALLEL))
PARALLEL = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j2) \
	$(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

.PHONY: demo test check page wheel fuzz chaos kills attacks engines joblib soak docs pythons screenshots bench simulation format clean
.PHONY: ready check-python check-page environment browsers test-processes test-browsers test-others

demo: ready
	$(BIN)/python examples/01_squares.py

test:
	@$(MAKE) --no-print-directory $(PARALLEL) browsers check
	@$(MAKE) --no-print-directory $(LANES) test-processes test-browsers test-others

check: ready
	@$(MAKE) --no-print-directory $(PARALLEL) check-python check-page

ready:
	@$(MAKE) --no-print-directory $(PARALLEL) environment page

environment: $(ENVIRONMENT)
	@:

page: $(PAGE)
	@:

check-python: $(ENVIRONMENT)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pytest -q tests/unit

check-page: $(MODULES)
	cd web && npm run --silent check

# All of them wait for processes and browsers as much as they compute, so three share two cores.
test-processes: $(ENVIRONMENT)
	$(BIN)/python -m pytest -p no:cacheprovider tests/integration $(addprefix --ignore ,$(EXAMPLES) $(LIBRARIES))
	$(BIN)/python scripts/test_other_pythons.py

test-browsers: $(ENVIRONMENT)
	$(BIN)/python -m pytest $(LIBRARIES) tests/browser -m "not long" --ignore $(OTHER_BROWSERS) --ignore $(ACCESSIBILITY)

test-others: $(ENVIRONMENT)
	$(BIN)/python -m pytest -p no:cacheprovider tests/fuzz tests/simulation tests/attacks tests/chaos $(EXAMPLES) $(ACCESSIBILITY) $(OTHER_BROWSERS)

browsers:
	scripts/ensure_browsers.sh

wheel: ready
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

fuzz: $(ENVIRONMENT)
	$(BIN)/python -m tests.fuzz.codec_fuzz --inputs 1000000

chaos: $(ENVIRONMENT)
	$(BIN)/python -m tests.chaos.kills --seconds 60 --seeds 5

kills: $(ENVIRONMENT)
	$(BIN)/python -m tests.chaos.journal_kills --kills 200

attacks: $(ENVIRONMENT)
	NITOCRIS_FUZZED_FRAMES=200000 NITOCRIS_ATTACK_SECONDS=40 NITOCRIS_LIE_ROUNDS=50 \
		$(BIN)/python -m pytest -p no:cacheprovider --timeout 600 tests/attacks

engines: ready browsers $(BENCH_ENVIRONMENT)
	.venv-bench/bin/python -m pytest -p no:cacheprovider tests/engines tests/integration/test_dask.py
	.venv-bench/bin/python examples/10_dask_cluster.py

# With joblib's settings in the place of ours: its tests warn.
joblib: $(ENVIRONMENT)
	$(BIN)/python -m pytest -q -o addopts= -W default tests/joblib_own

soak: ready browsers
	NITOCRIS_SOAK_ITEMS=5000000 $(BIN)/python -m pytest -q -s tests/browser/test_soak.py

docs: $(ENVIRONMENT)
	$(BIN)/python scripts/api_reference.py

screenshots: ready browsers
	$(BIN)/python scripts/screenshots.py

pythons: ready browsers
	$(BIN)/python -m pytest -p no:cacheprovider -m long tests/browser
	$(BIN)/python scripts/test_other_pythons.py --whole

bench: ready browsers $(BENCH_ENVIRONMENT)
	.venv-bench/bin/python -m benchmarks all

simulation: $(ENVIRONMENT)
	NITOCRIS_WHOLE_TABLE=1 $(BIN)/python -m pytest -q -p no:cacheprovider tests/simulation
	$(BIN)/python -m tests.simulation --seeds 10000 --efficiency --crowd --saboteurs \
		--growth 10000000

format: $(ENVIRONMENT) $(MODULES)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	cd web && npm run --silent format

clean:
	rm -rf .venv .venv-bench .build build dist web/node_modules src/nitocris/_page
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(ENVIRONMENT): pyproject.toml scripts/make_venv.sh scripts/find_python.sh
	scripts/make_venv.sh "$$(PYTHON='$(PYTHON)' scripts/find_python.sh)" .venv dev
	@touch $@

$(BENCH_ENVIRONMENT): pyproject.toml scripts/make_venv.sh scripts/find_python.sh
	scripts/make_venv.sh "$$(PYTHON='$(PYTHON)' scripts/find_python.sh)" .venv-bench bench
	@touch $@

$(MODULES): web/package.json web/package-lock.json
	@command -v npm >/dev/null || { echo "The page needs Node 20 or later: install it first" >&2; exit 1; }
	cd web && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(PAGE): $(MODULES) $(PAGE_SOURCES)
	cd web && npm run --silent build
	@touch $@
