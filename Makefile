# Every target works as the first command on a fresh clone. CI runs only `check` and `test`.

PYTHON ?= python3.12
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Where the environment forbids bytecode, each process that a test starts would compile the sources again.
export PYTHONDONTWRITEBYTECODE :=
# The tools of `make audit` have an environment of their own: no test needs them, and they want other versions.
AUDIT := var/audit/venv
# pdqhash is built from source and no test needs it; without a C++ compiler the bench leaves its rule out.
PEERS := var/bench/packages
UV := $(shell command -v uv 2> /dev/null)

# Files in the order of tests/conftest.py, the longest first: no worker is idle while the other runs a long one.
PYTEST := $(BIN)/pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder

COMPILE := uv pip compile --quiet --upgrade --universal --python-version 3.12 \
	--generate-hashes --no-header --no-emit-index-url

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long e2e faults bench check format kafka schemas dashboards panels chart audit lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## Create .venv with exactly the locked packages, and the command .venv/bin/jikimi

demo: setup ## Run Jikimi on reposts of a fictional victim's clips, and its console; no Docker, no Java; KEEP=1
	$(BIN)/jikimi demo $(if $(KEEP),--keep)

test: setup ## Run all tests; a real Kafka comes from Docker or Java, and skipped tests are named at the end
	$(PYTEST)

test-long: setup ## Run the full sizes of what `make test` runs smaller
	$(PYTEST) -m long

e2e: setup ## From a post to the proof that it is gone, on Kafka and local platforms; prints seconds from post to notice
	$(BIN)/pytest -q -n0 -s tests/e2e/test_delivery.py

faults: setup ## Kill, cut and disturb a system on three brokers; SEED=, KILLS=, FILES=, LONG=1, JSON=FILE
	$(BIN)/python -m ops.faults $(if $(JSON),--json $(JSON)) $(if $(SEED),--seed $(SEED)) $(if $(KILLS),--kills $(KILLS)) \
		$(if $(FILES),--files $(FILES)) $(if $(LONG),--long)

bench: setup $(PEERS)/.installed ## Figures of cost in one run, on a quiet machine; ONLY=a,b, JSON=FILE, PAGE=FILE, SEED=, LONG=1
	PYTHONPATH=$(PEERS) $(BIN)/python -m ops.bench $(if $(ONLY),--only $(ONLY)) $(if $(JSON),--json $(JSON)) \
		$(if $(PAGE),--page $(PAGE)) $(if $(SEED),--seed $(SEED)) $(if $(LONG),--long)

check: setup ## Check lint, formatting and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: setup ## Format, and apply ruff's fixes
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

kafka: setup ## Run a real one-node Apache Kafka in Java until Ctrl-C, on port 9092 or PORT=...
	$(BIN)/python -m ops.broker.kafka $(or $(PORT),9092)

schemas: setup ## Keep the current version of each changed message in schemas/history, unless it breaks readers
	$(BIN)/python -m ops.snapshot_schemas

dashboards: setup ## Write the chart's Grafana dashboards and Prometheus rules from ops/grafana and ops/prometheus
	$(BIN)/python -m ops.grafana

panels: setup ## Test dashboards and alerts on a real run with Kafka and Prometheus; JSON=FILE writes the result
	$(BIN)/python -m ops.panels $(if $(JSON),--json $(JSON))

chart: setup ## Write the Helm chart's generated files: topics, users' rights, settings
	$(BIN)/python -m ops.chart

audit: setup $(AUDIT)/.installed ## Known holes, licences and bill of materials of all packages; SERVICE=osv, JSON=FILE
	$(AUDIT)/bin/python -m ops.audit $(if $(JSON),--json $(JSON)) $(if $(SERVICE),--service $(SERVICE))

lock: ## Resolve the newest allowed packages and write the lock files; needs uv
	@command -v uv > /dev/null || { echo "make lock needs uv: pip install uv"; exit 1; }
	@echo "Writing the lock files ..."
	$(COMPILE) pyproject.toml --output-file requirements.lock
	$(COMPILE) --constraint requirements.lock --group dev pyproject.toml --output-file requirements-dev.lock
	$(COMPILE) --group pyproject.toml:audit --output-file requirements-audit.lock

clean: ## Remove .venv, caches, downloads and data in var/
	rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): requirements-dev.lock pyproject.toml
ifdef UV
	@echo "Making $(VENV) with uv ..."
	@test -x $(BIN)/python || uv venv --quiet --python $(PYTHON) $(VENV)
	@uv pip sync --quiet --python $(BIN)/python --require-hashes requirements-dev.lock
	@uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
else
	@echo "Making $(VENV) with pip; the first time takes a minute or two ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
endif
	@touch $@
	@echo "Ready: $(BIN)/jikimi"

$(PEERS)/.installed: pyproject.toml
	@mkdir -p $(PEERS)
	@echo "Building pdqhash for the bench ..."
ifdef UV
	-@uv pip install --quiet --python $(BIN)/python --target $(PEERS) --no-deps "pdqhash>=0.2.8"
else
	-@$(BIN)/pip install --quiet --disable-pip-version-check --target $(PEERS) --no-deps "pdqhash>=0.2.8"
endif
	@touch $@

$(AUDIT)/.installed: requirements-audit.lock
	@test -x $(AUDIT)/bin/python || $(PYTHON) -m venv $(AUDIT)
	@$(AUDIT)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-audit.lock
	@touch $@
