PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
PIP_INSTALL := $(UV) pip install --quiet --system-certs --python $(BIN)/python --no-deps
COMPILE := $(UV) pip compile --quiet --system-certs --universal --python-version 3.11 --generate-hashes \
	--no-annotate --constraints requirements/constraints.in --custom-compile-command "make lock"
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4
STAMP := $(VENV)/.installed
KERNEL := edge_runtime/dsp/_kernel*.so
SOURCES := pyproject.toml setup.py requirements/workstation.lock \
	$(wildcard edge_runtime/dsp/*.c edge_runtime/dsp/*.h)

.PHONY: install install-board demo test test-slow test-long check-firmware check-aarch64 fuzz lint lock clean

install: $(STAMP)

$(UV):
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/bootstrap.lock

# A kernel that does not compile must not leave the last one that did.
$(STAMP): $(UV) $(SOURCES)
	$(PIP_INSTALL) --require-hashes -r requirements/workstation.lock
	rm -f $(KERNEL)
	$(PIP_INSTALL) --no-build-isolation -e .
	touch $@

# What a board needs and no more: no TensorFlow, no tools, no compiler. Bytecode comes with use.
# What building leaves must not be taken by the next one, nor be found as another installation.
BOARD := .venv-board
install-board:
	$(PYTHON) -m venv $(BOARD)
	$(BOARD)/bin/python -m pip install --quiet --no-compile --require-hashes -r requirements/board.lock
	rm -rf build
	$(BOARD)/bin/python -m pip install --quiet --no-compile --no-deps .
	rm -rf build *.egg-info

demo: install
	$(BIN)/neurograsp demo

test: install
	$(PYTEST) --dist loadfile -m "not slow and not long"

# Those of the firmware are part of check-firmware. To look through the files without a mark would take half a minute.
MARKED = $(shell grep -rl --include='test_*.py' --exclude-dir=firmware 'mark\.$(1)' tests)
test-slow: install
	$(PYTEST) --dist worksteal -m slow $(call MARKED,slow)

# Trainings of minutes, hours of a clock, a hundred kills: before a release.
test-long: install
	$(PYTEST) --dist worksteal -m long $(call MARKED,long)

# Wants what CONTRIBUTING.md lists for simulators, and names what is missing. One part: make check-firmware STEPS=avr
check-firmware: install
	$(BIN)/python tests/firmware/check.py $(STEPS)

# Wants qemu-user-static and, for the C kernel and the firmware, gcc-aarch64-linux-gnu; no root.
check-aarch64: install
	$(BIN)/python tests/aarch64/board.py .aarch64
	$(BIN)/python -m pytest -n 2 --dist loadgroup tests/aarch64/check_board.py

# Longer: make fuzz FUZZ_S=1800
FUZZ_S ?= 60
fuzz: install
	$(BIN)/python tests/fuzz/bundle_fuzzer.py .fuzz-corpus -max_total_time=$(FUZZ_S) -max_len=200000 \
		-rss_limit_mb=2048 -timeout=20

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) $(BOARD) $(KERNEL) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .fuzz-corpus .fuzz-firmware .aarch64 tests/firmware/rp2040/node_modules

lock: $(UV)
	$(COMPILE) requirements/bootstrap.in -o requirements/bootstrap.lock
	$(COMPILE) pyproject.toml --extra train --extra brainflow --extra lsl --extra gpio --extra sign --extra monitor --extra metrics --extra moabb --extra cluster --group dev --group cpu -o requirements/workstation.lock
	$(COMPILE) pyproject.toml --extra brainflow -o requirements/board.lock
