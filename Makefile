# kerntune: `make demo` shows the main job, `make check` is the whole gate, `make test` only the tests.
VENV := .venv
PYTHON ?= python3
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo test check bench clean

install: $(STAMP)

$(STAMP): pyproject.toml install.sh
	@PYTHON=$(PYTHON) ./install.sh $(VENV)
	@touch $@

demo: $(STAMP)
	@$(BIN)/kerntune tune "bulk file transfer over a long-distance link" --target netns

test: $(STAMP)
	@$(BIN)/python -m pytest

check: $(STAMP)
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m coverage run -m pytest
	@$(BIN)/python -m coverage combine -q
	@$(BIN)/python -m coverage report --fail-under=90 --include='*/kerntune/model/*,*/kerntune/judge.py,*/kerntune/catalog/*,*/kerntune/hand/*,*/kerntune/store/*'

bench: $(STAMP)
	@for b in benchmarks/*.py; do echo "== $$b"; $(BIN)/python $$b || exit 1; done

clean:
	rm -rf $(VENV)
