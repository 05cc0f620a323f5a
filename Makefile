# make demo: digits appear in averaged perturbations.  make test: the tests.  make soak: the long tests.
# All install what they need first.
# VENV is the environment's folder; one environment can serve several checkouts.
VENV ?= .venv
PYTHON ?= python3
BIN := $(abspath $(VENV))/bin
DOCS := $(abspath $(VENV))/docs
RUN := runs/demo
ON_CPU := --trainer.accelerator cpu
MANY := --data.copies 40 --data.sigma 0.4 --trainer.devices 2
SEED ?= 0
COUNT ?= 11
export PYTHONPATH := $(CURDIR)

.PHONY: install demo test soak gpu lint docs

install: $(VENV)/.lit-adv-installed

$(VENV)/.lit-adv-installed: pyproject.toml
	@echo "Installing into $(VENV): some minutes and about 5 GB the first time, most of it torch"
	test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

demo: install
	$(BIN)/lit-adv fit --config mnist-zoo --count 10 --test_models 0 --model.weight_decay 0.005 --out $(RUN)/zoo
	$(BIN)/lit-adv predict --config mnist-sm-gradient --zoo $(RUN)/zoo --out $(RUN)/sm $(ON_CPU)
	$(BIN)/lit-adv predict --config mnist-nmm-gradient --zoo $(RUN)/zoo --out $(RUN)/nmm $(MANY) --growth $(ON_CPU)
	$(BIN)/lit-adv predict --config mnist-nmm-gradient --zoo $(RUN)/zoo --out $(RUN)/norm --weight norm $(MANY) --growth $(ON_CPU)
	for set in sm nmm norm; do $(BIN)/lit-adv test --config mnist-test --zoo $(RUN)/zoo --out $(RUN)/$$set || exit; done
	$(BIN)/lit-adv fit --config mnist-zoo --count 2 --test_models 2 --seed 1 --model.weight_decay 0.005 --out $(RUN)/judges
	$(BIN)/lit-adv explore $(RUN)/nmm $(RUN)/norm --zoo $(RUN)/judges --out $(RUN)/explorer
	$(BIN)/lit-adv report $(RUN)/sm $(RUN)/nmm $(RUN)/norm --out $(RUN)/report --explorer $(RUN)/explorer/index.html

# One thread for each of the two processes that test side by side; SEED changes what tests draw at random.
PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist worksteal --seed $(SEED) --hypothesis-seed $(SEED)

test: install
	$(PYTEST) -m "not soak"

soak: install
	$(PYTEST) -m soak

# On a machine with a GPU: its tests, the benchmark and the thesis's MNIST job, in one table. The thesis has COUNT=101.
gpu: install
	$(BIN)/python scripts/measure_gpu.py --count $(COUNT) --out runs/gpu

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# The documentation in build/docs: a broken link fails. Its small environment needs no torch: the source is only parsed.
docs: $(DOCS)/.installed
	$(DOCS)/bin/sphinx-build --fail-on-warning --keep-going --quiet docs build/docs
	@echo "build/docs/index.html"

$(DOCS)/.installed: pyproject.toml
	test -x $(DOCS)/bin/pip || $(PYTHON) -m venv --clear $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --group docs
	touch $@
