# One entry point: `make demo` and `make test` set everything up by themselves on a fresh machine.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export OMP_WAIT_POLICY ?= PASSIVE
# One torch thread where several processes share the cores: two that spin against a busy neighbour run many times slower.
test check coverage bench: export OMP_NUM_THREADS ?= 1
# A process a core; the tests of a file stay together, because they share what was costly to make.
PARALLEL ?= -n auto --dist loadfile --no-loadscope-reorder

.PHONY: demo test check coverage setup lock format docs bench clean
.DEFAULT_GOAL := test

setup: $(READY)

# torch is installed first at its exact version: a machine without a GPU gets the CPU build and nothing pulls another.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $$($(PYTHON) --version) found, Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $$(grep '^torch==' requirements.lock)
	$(BIN)/python -m pip install --quiet -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $(READY)

# A real clip of a person for the last step of the demo and for tests: the example video inside the sports2d package (BSD-3).
# Without its dependencies it is 10 MB; when the registry does not have it the demo says so and goes on.
$(VENV)/.clip: $(READY)
	$(BIN)/python -m pip install --quiet --no-deps sports2d==0.8.34 || echo "the real clip could not be had; the demo goes on without it" >&2
	touch $@

demo: $(READY) $(VENV)/.clip
	$(BIN)/vidtune demo $(ARGS)

# CI runs the long tests too. One of them asks every family about the real clip.
test: $(READY) $(VENV)/.clip
	$(BIN)/python -m pytest $(PARALLEL) $(if $(CI),-m "not gpu and not network") $(ARGS)

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/make_cli_page.py --check
	$(BIN)/python docs/make_family_table.py --check
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

# Which lines no test runs; counting them takes two fifths of the time more.
coverage: $(READY)
	$(BIN)/python -m pytest $(PARALLEL) --cov=vidtune --cov-report=term:skip-covered $(ARGS)

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(READY)
	$(BIN)/python docs/make_cli_page.py
	$(BIN)/python docs/make_family_table.py

bench: $(READY)
	$(BIN)/python benchmarks/scoring.py
	$(BIN)/python benchmarks/inference.py
	$(BIN)/python benchmarks/inference.py --questions 4 --out benchmarks/results/inference_questions.json
	$(BIN)/python benchmarks/frames.py
	$(BIN)/python benchmarks/selection.py
	$(BIN)/python benchmarks/selective_update.py
	$(BIN)/python benchmarks/reports.py
	$(BIN)/python benchmarks/demo.py

lock: $(READY)
	{ echo "# Exact versions proven together. Written by 'make lock'; torch first, so that no range can pull another build."; \
	  $(BIN)/python -m pip freeze --exclude-editable | sed -n 's/^\(torch==[^+]*\).*/\1/p'; \
	  $(BIN)/python -m pip freeze --exclude-editable | grep -iv '^torch==\|^sports2d\|^vidtune'; } > requirements.lock.new
	mv requirements.lock.new requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build
