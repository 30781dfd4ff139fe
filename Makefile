# The commands of README.md and CONTRIBUTING.md. Each makes the environment it needs.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
INSTANCE := data/store/dagster
# What `make check` runs of the tests: `coverage` measures how much of the code they run.
TESTS ?= test
PIP_INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable
# The tools for the viewer's scripts run by the environment's own Node, whatever the machine has.
SCRIPT_TOOLS := node_modules/.installed
NPM := PATH="$(abspath $(BIN)):$$PATH" $(BIN)/npm

.PHONY: setup setup-dev hooks index demo view test test-slow coverage reliability static lint types docs check release \
	footprint sample screenshots bench bench-map bench-viewer bench-filters bench-insights clean

# What Clipper needs to run: the index, the viewer, Dagster.
setup: $(VENV)/.installed .env $(INSTANCE)/dagster.yaml

# And what its developers need: the tests, the linters, Chromium's driver. JupyterLab brings rfc3987-syntax. Where it
# is installed, every process that imports Chroma loads it too, which takes longer than Chroma itself.
setup-dev: $(VENV)/.installed-dev $(SCRIPT_TOOLS) setup

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) ".[all]"
	touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) ".[dev]"
	$(BIN)/python -m pip uninstall --quiet --yes rfc3987-syntax
	touch $(VENV)/.installed $@

# Run the quick checks before each commit, from now on.
hooks: setup-dev
	$(BIN)/pre-commit install

$(SCRIPT_TOOLS): package.json package-lock.json | $(VENV)/.installed-dev
	$(NPM) ci --no-audit --no-fund --loglevel=error
	touch $@

# An upgrade brings a new one; one that was edited by hand stays beside it as dagster.yaml.before.
$(INSTANCE)/dagster.yaml: pipelines/dagster.yaml
	mkdir -p $(@D)
	if test -f $@ && ! cmp -s $< $@; then mv $@ $@.before; fi
	cp $< $@

# `dagster dev` reads .env by itself; the history of its runs belongs into the home. Yours to add to.
.env:
	echo "DAGSTER_HOME=$(CURDIR)/$(INSTANCE)" > $@
	echo "DAGSTER_DISABLE_TELEMETRY=yes" >> $@

index: setup
	$(BIN)/clipper index --home data

demo: index
	$(BIN)/clipper view --home data --port 0

# Two tests at once; those with a browser, which come first, run beside those that compute.
PYTEST := -m pytest -n 2 --dist worksteal
RUN := $(BIN)/python
define RUN_TESTS
	$(NPM) test --silent
	$(RUN) $(PYTEST) -m "not slow and not reliability and not release"
endef

test: setup-dev
	$(RUN_TESTS)

# `make test` with the lines counted that ran, in subprocesses too. It takes half as much CPU time again.
coverage: RUN := $(BIN)/coverage run
coverage: export COVERAGE_ROOT := $(CURDIR)
coverage: setup-dev
	$(BIN)/coverage erase
	$(RUN_TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# The tests that take longer, half an hour in all.
test-slow: setup-dev
	$(BIN)/python $(PYTEST) -m "slow and not reliability" --durations=30

# Every moment a run can be killed at, every kind of damage to every file, two hundred histories: an hour or
# more, and the table of docs/reliability.md.
reliability: setup-dev
	$(BIN)/python benchmarks/reliability.py --write

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(NPM) run --silent lint

types: setup-dev
	$(BIN)/mypy
	$(NPM) run --silent types

# The documentation as a site: open build/docs/index.html. A broken link is an error (with --quiet it would not be).
# The variable silences a notice about MkDocs 2.
docs: setup-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Everything that is checked without running Clipper.
static: lint types docs

check: static $(TESTS)

# Builds dist/, installs the wheel into an empty environment and runs the sample from it.
release: setup-dev
	rm -rf dist
	$(BIN)/python -m build --quiet --outdir dist
	$(BIN)/python -m pytest -m release tests/release

# A table of what each extra of pyproject.toml brings.
footprint: setup-dev
	$(BIN)/python benchmarks/footprint.py

# Makes data/images and data/models anew. Needs Debian's fonts-noto-color-emoji, unicode-cldr-core and
# unicode-data, and hours of two cores.
sample: setup
	$(BIN)/python -m data.sample.make_images
	$(BIN)/python -m data.sample.train_model
	$(BIN)/python -m data.sample.evaluate

screenshots: setup-dev index
	$(BIN)/python docs/screenshots.py
	$(BIN)/python docs/screenshots_dagster.py
	$(BIN)/python docs/screenshots_notebook.py
	$(BIN)/python docs/screenshots_atlases.py
	$(BIN)/python docs/animation.py

# Every stage apart and the whole, beside the usual way and the limit: half an hour. `IMAGES="2000 100000 1000000"`
# takes hours.
IMAGES := 2000 100000
bench: setup-dev index
	$(BIN)/python benchmarks/sample.py
	$(BIN)/python benchmarks/stages.py --images $(IMAGES)

# A quarter of an hour.
bench-map: index
	$(BIN)/python benchmarks/map.py

# Half an hour, 5 GB of disk and 6 GB of memory; `--sizes 100000 1000000` needs less.
bench-viewer: setup-dev
	$(BIN)/python benchmarks/interactions.py

# It takes two minutes, and needs no browser.
bench-filters: setup-dev
	$(BIN)/python benchmarks/filters.py

# What the insights promise, with what is missed: half an hour. `--quick` leaves out what takes longest.
bench-insights: index
	$(BIN)/python benchmarks/insights.py

clean:
	rm -rf $(VENV) .env data/store build dist node_modules
