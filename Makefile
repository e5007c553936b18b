PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-all docs bench format clean

demo: .venv/stamp  ## the lessons, with the races they find, also as a page: demo.html
	$(BIN)/python -m pytest suites/lessons --conc-show -v --conc-html demo.html

test: .venv/stamp  ## style, types and all suites on one interpreter, the documentation among them
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2

test-all: .venv/stamp  ## the long tests, then all others on every CPython found here
	$(BIN)/python -m pytest -n 2 -m slow
	$(BIN)/nox

docs: .venv/stamp  ## the documentation as HTML: open build/docs/index.html
	$(BIN)/sphinx-build -W --keep-going -q -b html docs build/docs

bench: .venv/stamp  ## tables: bugs found, speed against peers, memory, start-up (an hour)
	$(BIN)/python -m suites.benchmarks.peers_found
	$(BIN)/python -m suites.benchmarks.scoreboard --peers
	$(BIN)/python -m suites.benchmarks.proofs
	$(BIN)/python -m suites.benchmarks.unseen
	$(BIN)/python -m suites.benchmarks.replays
	$(BIN)/python -m suites.benchmarks.realbugs
	$(BIN)/python -m suites.benchmarks.speed
	$(BIN)/python -m suites.benchmarks.memory
	$(BIN)/python -m suites.benchmarks.startup
	$(BIN)/python -m suites.benchmarks.repeats
	$(BIN)/python -m suites.benchmarks.repeated

format: .venv/stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .nox .mypy_cache .pytest_cache .ruff_cache build dist demo.html

.venv/stamp: pyproject.toml
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --editable '.[test,docs,gevent]'
	touch $@
