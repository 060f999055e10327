# What can be done here; `make` alone lists it. Everything runs in .venv, which `setup` makes.
.DEFAULT_GOAL := help
SHELL := /bin/sh
.SHELLFLAGS := -eu -c
MAKEFLAGS += --no-print-directory

CONFIG ?= configs/demo.yaml
AS_OF ?=
ACCEPT ?=
DATA ?=
OUT ?=
ONLY ?=
UNTIL ?=
VERSION = challenger
BY =
REASON =
ACCOUNT =
ACCOUNTS ?=
MONTHS ?=
N =
SEED =
JOBS =
TRIALS = 30
SECONDS_MOST ?=
FAMILIES ?=
SECTIONS ?=
WORLD ?=
SEEDS ?=
EFFECT ?=
BENCH_LINES ?=
PYTHON ?= python3

# Values reach the shell only as quoted environment variables, and make itself does not expand what
# is in them, so that no value is ever read as a command.
GIVEN := CONFIG AS_OF ACCEPT DATA OUT ONLY UNTIL VERSION BY REASON ACCOUNT ACCOUNTS MONTHS N SEED JOBS TRIALS \
	SECONDS_MOST FAMILIES BENCH_LINES SECTIONS WORLD SEEDS EFFECT
$(foreach name,$(GIVEN),$(eval override $(name) := $$(value $(name))))
export $(GIVEN)

BIN := .venv/bin
DEFECTION := $(BIN)/defection
READY := .venv/.ready
PYTEST := $(BIN)/pytest -q -n 2 --dist loadfile
FURTHER := browser or long or postgresql or real_data or spark
BEFORE_A_COMMIT := not (crash or $(FURTHER))
SPARK := .venv/.spark
AXE := var/axe-core/axe.min.js
# MPL-2.0, used by the tests only, and no part of this repository.
AXE_CORE_VERSION := 4.14.1
AXE_CORE_SHA256 := e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745

.PHONY: help setup setup-spark setup-browser demo retail validate features table train backtest tune \
	review promote rollback score explain monitor status restore ui test test-all test-further test-shuffled faults audit check crash fuzz bench bench-scoring bench-training bench-memory \
	bench-market bench-lists bench-guards laws docs pictures clean

help: ## this list
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "Examples"
	@echo "  make demo"
	@echo "  make retail DATA=path/to/online_retail_ii.parquet"
	@echo "  make train CONFIG=configs/mine.yaml"
	@echo "  make score CONFIG=configs/mine.yaml AS_OF=2026-01-01"

##@ Begin
setup: $(READY) ## make .venv with the locked dependencies
	@echo "Ready: $(BIN)/defection --help"

# uv installs the locked set in seconds; where it cannot reach an index, pip can be set up to.
$(READY): requirements-setup.lock requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name it with PYTHON=..." >&2; exit 78; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing the locked dependencies into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		-r requirements-setup.lock
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --compile-bytecode --require-hashes \
		requirements-setup.lock requirements-dev.lock || \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		-r requirements-dev.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation \
		--offline -e .
	@touch $(READY)

setup-spark: $(SPARK) ## add Spark to .venv (450 MB; it runs on Java 17 or newer)
	@command -v java >/dev/null || echo "Spark needs Java 17 or newer on the PATH" >&2

$(SPARK): $(READY) requirements-spark.lock
	@echo "Installing Spark into .venv"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes \
		-r requirements-spark.lock
	@touch $(SPARK)

setup-browser: $(AXE) ## fetch axe-core, which looks for barriers on the page (needs npm)
	@command -v chromedriver >/dev/null || \
		echo "The tests of the page need Chromium: apt-get install chromium-driver" >&2

$(AXE): Makefile
	@command -v npm >/dev/null || { echo "npm is needed: apt-get install npm" >&2; exit 69; }
	@echo "Fetching axe-core-$(AXE_CORE_VERSION)"
	@rm -rf $(@D) && mkdir -p $(@D)
	@npm pack --silent --pack-destination $(@D) axe-core@$(AXE_CORE_VERSION) >/dev/null
	@echo "$(AXE_CORE_SHA256)  $(@D)/axe-core-$(AXE_CORE_VERSION).tgz" | sha256sum --check --status || \
		{ rm -rf $(@D); echo "axe-core-$(AXE_CORE_VERSION): not the package that was pinned" >&2; exit 65; }
	@tar -xzf $(@D)/axe-core-$(AXE_CORE_VERSION).tgz -C $(@D) --strip-components 1 package/axe.min.js package/LICENSE
	@touch $@

demo: $(READY) ## simulate a market, validate, train, promote, score: the whole way
	@ACCOUNTS="$${ACCOUNTS:-2000}" MONTHS="$${MONTHS:-48}" $(BIN)/python -m pipeline.tour --simulate

retail: $(READY) ## the same on two years of a wholesaler's invoices (DATA=...)
	@CONFIG=configs/online_retail_ii.yaml AS_OF=2011-12-10 $(BIN)/python -m pipeline.tour

##@ Your data (CONFIG=...)
validate: $(READY) ## check the sources and report every violation at once
	@$(DEFECTION) validate --config "$$CONFIG"

features: $(READY) ## write the features of one snapshot (AS_OF=..., ONLY='a family or more')
	@set -f; for family in $$ONLY; do set -- "$$@" --only "$$family"; done; \
		$(DEFECTION) features --config "$$CONFIG" --as-of "$$AS_OF" $${OUT:+--out "$$OUT"} "$$@"

table: $(READY) ## write the training table (OUT=... for its place, ONLY=...)
	@set -f; for family in $$ONLY; do set -- "$$@" --only "$$family"; done; \
		$(DEFECTION) table --config "$$CONFIG" $${OUT:+--out "$$OUT"} "$$@"

train: $(READY) ## train, back-test, register a challenger (UNTIL=YYYY-MM-DD: as of then)
	@$(DEFECTION) train --config "$$CONFIG" $${UNTIL:+--until "$$UNTIL"}

backtest: $(READY) ## the long comparison: families, calibrations, labels, horizons
	@$(DEFECTION) backtest --config "$$CONFIG"

tune: $(READY) ## search for better settings of the model (TRIALS=..., SECONDS_MOST=...)
	@$(DEFECTION) tune --config "$$CONFIG" --trials "$$TRIALS" \
		$${SECONDS_MOST:+--seconds "$$SECONDS_MOST"}

rollback: $(READY) ## put the champion before this one into use again (BY=... REASON=...)
	@$(DEFECTION) rollback --config "$$CONFIG" --by "$$BY" --reason "$$REASON"

review: $(READY) ## a version beside the champion, as review.html in its run (VERSION=..., OUT=... with names)
	@$(DEFECTION) review --config "$$CONFIG" --version "$$VERSION" $${OUT:+--reveal "$$OUT"}

promote: $(READY) ## make a version the champion (VERSION=... BY=... REASON=...)
	@$(DEFECTION) promote --config "$$CONFIG" --version "$$VERSION" --by "$$BY" --reason "$$REASON"

score: $(READY) ## publish the ranked list (AS_OF=YYYY-MM-DD, ACCEPT='why sources that differ are right')
	@$(DEFECTION) score --config "$$CONFIG" --as-of "$$AS_OF" $${ACCEPT:+--accept "$$ACCEPT"}

explain: $(READY) ## one account whole (ACCOUNT=..., AS_OF=YYYY-MM-DD)
	@$(DEFECTION) explain --config "$$CONFIG" --account "$$ACCOUNT" --as-of "$$AS_OF"

monitor: $(READY) ## drift of the inputs, and what came of earlier lists (AS_OF=YYYY-MM-DD)
	@$(DEFECTION) monitor --config "$$CONFIG" --as-of "$$AS_OF"

status: $(READY) ## store, champion, lists, and when the next one is due; 1 if late or damaged
	@$(DEFECTION) status --config "$$CONFIG"

restore: $(READY) ## repair the MLflow store: a damaged file, a moved folder, an alias changed by hand
	@$(DEFECTION) restore --config "$$CONFIG"

ui: $(READY) ## open the MLflow UI on this machine
	@$(DEFECTION) ui --config "$$CONFIG"

##@ Work on it
test: $(READY) ## everything to run before a commit: specs, laws, parity, every command
	@$(PYTEST) --budget -m "$(BEFORE_A_COMMIT)"

test-all: test test-further ## add browsers, PostgreSQL, Spark, real data (DEFECTION_DATA), long back-tests

test-further: $(READY) # what `test-all` adds
	@$(PYTEST) -m "not crash and ($(FURTHER))"

test-shuffled: $(READY) ## the tests of `make test` in random order (SEED=...)
	@$(PYTEST) -v -p randomly $${SEED:+--randomly-seed "$$SEED"} -m "$(BEFORE_A_COMMIT)"

faults: $(READY) ## the catalogue of faults, case by case (docs/reliability.md)
	@$(PYTEST) -k fault_ --faults

audit: $(READY) ## ask whether a locked package has a known weakness (needs the network)
	@$(BIN)/python tests/audit/audit.py

check: $(READY) ## style, types, boundaries, stale documents
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python docs/generate.py --check

laws: $(READY) ## a long random run of the laws against leakage (N=examples, FAMILIES=your files)
	@LAWS_EXAMPLES="$${N:-1000}" DEFECTION_FAMILIES="$$FAMILIES" $(BIN)/pytest -q -m "$(BEFORE_A_COMMIT)" \
		tests/laws tests/parity

crash: $(READY) ## kill every command that writes at random moments and look what is left (N=times, ONLY='a command or more')
	@PYTHONPATH=tests/crash:tests/support $(BIN)/python tests/crash/kill_commands.py --kills "$${N:-200}" \
		$${ONLY:+--only $$ONLY}

fuzz: $(READY) ## throw damaged CSV, Parquet, YAML and .sql at `validate` (N=, SEED=, JOBS=, ONLY=number)
	@PYTHONPATH=tests/fuzz:tests/support $(BIN)/python tests/fuzz/fuzz.py --count "$${N:-100000}" \
		--seed "$${SEED:-1}" --jobs "$${JOBS:-1}" $${ONLY:+--only "$$ONLY"}

bench: $(READY) ## time and memory of the feature table beside one plain scan (BENCH_LINES=...)
	@$(BIN)/python tests/benchmark/feature_table.py

bench-scoring: $(READY) ## time of `score` at 50,000 accounts, step by step, and of a million rows
	@PYTHONPATH=tests/benchmark $(BIN)/python tests/benchmark/scoring.py

bench-training: $(READY) ## time of `train`, step by step, at 316,000 rows and at a million (SIZES=20000 for one)
	@PYTHONPATH=tests/benchmark $(BIN)/python tests/benchmark/training.py

bench-memory: $(READY) ## memory of commands on an input ten times their limit, and of the demo
	@$(BIN)/python tests/benchmark/memory.py

bench-market: $(READY) ## the recipe on simulated markets, where the truth is known (SECTIONS=...)
	@PYTHONPATH=tests/benchmark $(BIN)/python tests/benchmark/market.py $$SECTIONS

bench-lists: $(READY) ## what the keep list catches of true leavers (WORLD=, EFFECT=, SEEDS='1,2' or '12 from HASH', SECTIONS=...)
	@PYTHONPATH=tests/benchmark $(BIN)/python tests/benchmark/lists.py

bench-guards: $(READY) ## whether broken exports are refused, and sound ones are not (SEEDS=)
	@PYTHONPATH=tests/benchmark $(BIN)/python tests/benchmark/guards.py

docs: $(READY) ## write the generated pages
	@$(BIN)/python docs/generate.py

pictures: $(READY) ## renew the pictures of the call list from what make demo published
	@$(BIN)/python docs/picture.py

clean: ## remove what the targets made: var/, caches, .venv
	rm -rf var dist .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
