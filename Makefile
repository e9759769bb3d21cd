# Two commands on a fresh machine: `make demo` shows what it does, `make test` proves that it works.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

INSTALL := -m pip install --quiet --disable-pip-version-check
# What is developed and tested with is pinned, each file by its hash; our own packages come from this folder.
LOCKED := --require-hashes --requirement
OURS := --no-deps --no-build-isolation --editable .

.PHONY: demo quick test test-training test-ray test-trust test-web test-engines check coverage speed mutants fuzz lock audit sbom clean

demo: $(VENV)/.installed
	$(BIN)/index demo demo-catalogue

# What takes long is for the targets below. The rest of tests/engines runs here too, on FAISS alone.
LATER := trust web_slow browser ray postgres engines/test_index_kills.py engines/test_index_on_engine.py engines/test_engine_faults.py
test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 $(LATER:%=--ignore tests/%) $(ARGS)

# At every commit, in less than a minute: what searches and scores, and what commits, checks and repairs.
QUICK := build_report check database duplicate_groups durable durable_order encoder_row errors known_contents looking \
	lost_catalogues migrations repair salvage scan set_aside settings store
quick: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -q -n 2 tests/retrieval --ignore tests/retrieval/test_cells.py \
		tests/test_architecture.py tests/test_lock.py $(QUICK:%=tests/indexer/test_%.py) $(ARGS)

# What `index train` needs weighs 6 GB, so that its tests have an environment of their own.
test-training: $(VENV)-training/.installed
	$(VENV)-training/bin/python -m pytest -n 2 tests/training $(ARGS)

# What runs on a Ray cluster, which the tests start here: with its workers, about 1.5 GB of memory.
test-ray: $(VENV)-ray/.installed
	$(VENV)-ray/bin/python -m pytest tests/ray $(ARGS)

# What takes long of the tests that break things on purpose. `scripts/soak` goes on where they end.
test-trust: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 tests/trust $(ARGS)

# What takes long of the server's tests, and those of the page in a real browser (Debian's package `chromium`).
test-web: $(VENV)-web/.installed
	$(VENV)-web/bin/python -m pytest -n 2 --dist loadscope tests/web_slow tests/browser $(ARGS)

# The same tests for each vector store, a Milvus server among them; whole builds on each, their faults and kills are here alone;
# the database on PostgreSQL, and catalogues on S3. One process, for the servers take what cores there are.
test-engines: $(VENV)-engines/.installed
	$(VENV)-engines/bin/python -m pytest tests/engines tests/postgres tests/s3 tests/indexer/test_engine_export.py $(ARGS)

check: $(VENV)/.installed-dev
	scripts/check $(BIN)

# Which branches of the code the tests go through: all suites, in the environments that they have.
coverage: $(VENV)/.installed-dev $(VENV)-training/.installed $(VENV)-ray/.installed $(VENV)-web/.installed $(VENV)-engines/.installed
	scripts/coverage $(VENV)

# A small set of ratios, held to docs/speed-history.csv; ARGS=--keep adds to it.
speed: $(VENV)/.installed-dev
	$(BIN)/python scripts/bench/speed/watch.py $(ARGS)

# Whether the tests notice small changes of the modules that commit, check and repair.
mutants: $(VENV)/.installed-dev
	$(BIN)/python scripts/mutants $(ARGS)

fuzz: $(VENV)-fuzz/.installed
	$(VENV)-fuzz/bin/python scripts/fuzz $(ARGS)

# Pins that still fit stay; `make lock ARGS=--upgrade` takes the newest.
lock: $(VENV)-supply/.installed
	UV=$(VENV)-supply/bin/uv scripts/lock $(ARGS)

audit: $(VENV)-supply/.installed
	scripts/audit $(VENV)-supply/bin

sbom: $(VENV)-supply/.installed
	scripts/sbom --bin $(VENV)-supply/bin $(ARGS)

clean:
	rm -rf $(VENV) $(VENV)-training $(VENV)-ray $(VENV)-web $(VENV)-engines $(VENV)-fuzz $(VENV)-supply build dist demo-catalogue

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)-training/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)-training
	$(VENV)-training/bin/python $(INSTALL) --editable '.[dev,train,timm]'
	touch $@

$(VENV)-ray/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)-ray
	$(VENV)-ray/bin/python $(INSTALL) --editable '.[dev,ray]'
	touch $@

$(VENV)-web/.installed: pyproject.toml requirements/web.lock
	$(PYTHON) -m venv $(VENV)-web
	$(VENV)-web/bin/python $(INSTALL) $(LOCKED) requirements/web.lock
	$(VENV)-web/bin/python $(INSTALL) $(OURS)
	touch $@

$(VENV)-engines/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)-engines
	$(VENV)-engines/bin/python $(INSTALL) --editable '.[dev,milvus,postgres,s3,engines-tests]'
	touch $@

$(VENV)-fuzz/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)-fuzz
	$(VENV)-fuzz/bin/python $(INSTALL) --editable '.[dev,fuzz]'
	touch $@

$(VENV)-supply/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)-supply
	$(VENV)-supply/bin/python $(INSTALL) --editable '.[supply]'
	touch $@

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python $(INSTALL) --editable '.[verify]'
	touch $@

$(VENV)/.installed-dev: pyproject.toml requirements/dev.lock | $(BIN)/python
	$(BIN)/python $(INSTALL) $(LOCKED) requirements/dev.lock
	$(BIN)/python $(INSTALL) $(OURS)
	touch $@ $(VENV)/.installed
