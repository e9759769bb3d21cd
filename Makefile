# Two commands on a fresh machine: `make demo` shows what it does, `make test` proves that it works.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test test-training check clean

demo: $(VENV)/.installed
	$(BIN)/index demo demo-catalogue

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 $(ARGS)

# What `index train` needs weighs 6 GB, so that its tests have an environment of their own.
test-training: $(VENV)-training/.installed
	$(VENV)-training/bin/python -m pytest -n 2 tests/training $(ARGS)

check: $(VENV)/.installed-dev
	scripts/check $(BIN)

clean:
	rm -rf $(VENV) $(VENV)-training build dist demo-catalogue

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)-training/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)-training
	$(VENV)-training/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,train,timm]'
	touch $@

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ $(VENV)/.installed
