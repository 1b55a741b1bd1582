# make demo   the main job, in a sandbox, without any change to this machine
# make test   the whole gate: style, types, layers, tests, coverage; as root it installs the programs tests run
# make rl     the tests that need the extra rl: stable-baselines3 and torch, gigabytes of them
# make bench  speed and quality figures of kerntune itself

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test rl programs bench clean

demo: $(INSTALLED)
	@$(BIN)/kerntune tune "bulk file transfer over a long-distance link" --target netns

programs:
	@./install-programs.sh

test: $(INSTALLED) programs
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=90

rl: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[rl]'
	$(BIN)/python -m pytest tests/optimizers tests/env tests/app

bench: $(INSTALLED)
	@for benchmark in benchmarks/*.py; do echo "== $$benchmark"; $(BIN)/python $$benchmark || exit 1; done

$(INSTALLED): pyproject.toml constraints.txt install.sh
	@./install.sh $(VENV)
	@touch $@

clean:
	rm -rf $(VENV)
