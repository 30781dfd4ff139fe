# The commands of the README. Each makes the environment it needs.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
INSTANCE := data/store/dagster

.PHONY: setup index demo view test test-slow reliability check lint types docs sample screenshots bench bench-map bench-viewer clean

setup: $(VENV)/.installed .env $(INSTANCE)/dagster.yaml

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
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

# Two at once, but for those before a browser: they wait for pictures, and would wait for one another.
test: setup
	$(BIN)/python -m pytest -m "not slow" tests/browser
	$(BIN)/python -m pytest -m "not slow and not reliability" --ignore tests/browser -n 2 --dist worksteal

# The tests that take longer, twenty minutes in all.
test-slow: setup
	$(BIN)/python -m pytest -m slow tests/browser
	$(BIN)/python -m pytest -m slow --ignore tests/browser -n 2 --dist worksteal

# Every moment a run can be killed at, every kind of damage to every file, two hundred histories: an hour or
# more, and the table of docs/reliability.md.
reliability: setup
	$(BIN)/python benchmarks/reliability.py --write

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

# The documentation as a site: open build/docs/index.html. A broken link is an error (with --quiet it would not be).
# The variable silences a notice about MkDocs 2.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

check: lint types docs test

# Makes data/images and data/models anew. Needs Debian's fonts-noto-color-emoji, unicode-cldr-core and
# unicode-data, and hours of two cores.
sample: setup
	$(BIN)/python -m data.sample.make_images
	$(BIN)/python -m data.sample.train_model
	$(BIN)/python -m data.sample.evaluate

screenshots: index
	$(BIN)/python docs/screenshots.py

bench: index
	$(BIN)/python benchmarks/sample.py

# A quarter of an hour.
bench-map: index
	$(BIN)/python benchmarks/map.py

# Half an hour, 5 GB of disk and 6 GB of memory; `--sizes 100000 1000000` needs less.
bench-viewer: setup
	$(BIN)/python benchmarks/viewer.py

clean:
	rm -rf $(VENV) .env data/store build/docs
