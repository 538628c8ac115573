# make repro    run the study in params.yaml; make repro JOBS=2 runs two stages at a time
# make help     these lines
# make unit     unit tests, three minutes         make test    unit, integration and pipeline tests
# make check    format, lint, types, generated files  make stress  kills, full disks, servers, browser
# make stress LONG=1  the same with more cases, real architectures and emulated processors: hours
# make docs     generate docs/reference and the templates of `dvc plots` from the code
# make emulate  compare the bytes that four emulated processors compute (QEMU; Debian: qemu-user)
# make plan     downloads, disk and training steps of a study: make plan STUDY=studies/paper.yaml
# make check-encoder ENCODER=key  check an encoder of params.yaml before anything is computed
# make site     the documentation and the pages as one site for any web host: make site SITE=site
# make fsck     find damaged files in DVC's cache; make fsck MEND=1 mends it
# make compare  do two results agree? make compare A=main B=../other-clone
# make push     share results and run cache through the default remote
# make prune    list files that removed encoders, datasets and comparisons left; YES=1 deletes them
# make install  only .venv, to run studies        make bench   timings, as ratios
# make install-dev    the same, and what tests and checks need
# make install-light  .venv with only DVC, to pull results
# make clean    remove everything but results,    make lock    update constraints.txt
#               DVC's cache, .venv and downloads

PYTHON ?= python3
STUDY ?= params.yaml
SITE ?= site
TEST_PROCESSES ?= 2
VENV := .venv
SNAKEMAKE := .venv-snakemake
PARALLEL := $(filter-out 1,$(JOBS))
PYTEST := python -m pytest -q --numprocesses $(TEST_PROCESSES) --dist loadfile
BIN := $(VENV)/bin
INSTALL := tools/install.py --constraint constraints.txt
COMPILE := pip-compile -q --strip-extras --annotation-style line --no-header --no-emit-find-links \
    --no-emit-index-url --no-emit-trusted-host --no-emit-options
# macOS's make 3.81 looks for programs in the PATH below only if a shell of its own choice runs them.
SHELL := /bin/bash
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: repro help plan check-encoder prune install install-dev install-light unit test stress emulate check docs \
    bench site lock clean fsck compare push
.DELETE_ON_ERROR:

repro: $(VENV)/ready $(if $(PARALLEL),$(SNAKEMAKE)/ready)
	@python -m tools repro $(if $(PARALLEL),--jobs $(JOBS) --snakemake $(SNAKEMAKE)/bin/snakemake)

# The comment at the top of this file.
help:
	@sed -n -e '/^#/!q' -e 's/^# //p' Makefile

plan: $(VENV)/ready
	@python -m tools plan $(STUDY) $(OPTIONS)

check-encoder: $(VENV)/ready
	@python -m tools check-encoder $(ENCODER)

prune: $(VENV)/ready
	@python -m tools prune $(if $(filter 1,$(YES)),--yes)

# Without verify, DVC does not check what it downloads, and would compute with a damaged file.
# It pushes an object of its cache whatever its bytes are by now, so fsck reads them first. Where a
# share is not mounted, it makes the folder on this machine's own disk, and nobody else gets it.
push: $(VENV)/ready
	@name=$$(dvc config core.remote) && test -n "$$name" || { >&2 echo \
	    'error: there is no default remote to push to: dvc remote add -d shared <url>'; exit 1; }; \
	test "$$(dvc config "remote.$$name.verify" 2> /dev/null)" = true || { >&2 echo \
	    'error: the default remote is not verified, so pulls would accept damaged files: dvc remote modify "$$(dvc config core.remote)" verify true'; exit 1; }; \
	url=$$(dvc config "remote.$$name.url"); \
	case "$$url" in *://*) ;; *) test -d "$$url" || { >&2 echo \
	    "error: $$url: the default remote's folder is not there: mount it or, if it is new: mkdir -p '$$url'"; exit 1; };; esac
	python -m tools fsck
	dvc push --run-cache

install: $(VENV)/ready

install-dev: $(VENV)/ready-dev

install-light: $(VENV)/ready-light

# The whole of a small study on four emulated processors, one after the other: about an hour.
emulate: $(VENV)/ready-dev
	LONG=1 $(PYTEST) tests/stress/test_emulated_study.py

unit: $(VENV)/ready-dev
	$(PYTEST) tests/unit

test: $(VENV)/ready-dev
# In this order, with the tiny study first (tests/conftest.py), so that neither process waits for it.
	$(PYTEST) --no-loadscope-reorder tests/integration tests/pipeline tests/unit

stress: $(VENV)/ready-dev
# In the order of names: long files of few tests would otherwise begin last.
	$(if $(LONG),LONG=$(LONG) )$(PYTEST) --no-loadscope-reorder --durations 15 tests/stress

check: $(VENV)/ready-dev
	ruff format --check .
	ruff check .
	python -m tools fingerprints
	python -m page.plot_templates --check
	python -m tools manual --check
	@python -m tools published > /dev/null
	@dvc status --quiet code || { >&2 echo \
	    'error: dvc.lock: out of date for stage code; run `dvc repro code` and commit'; exit 1; }
	basedpyright --pythonpath $(BIN)/python

docs: $(VENV)/ready
	python -m page.plot_templates
	python -m tools manual

bench: $(VENV)/ready-dev
	python -m benchmarks $(ONLY)

site: $(VENV)/ready-docs
	@python -m tools build-site --to $(SITE)

fsck: $(VENV)/ready
	@python -m tools fsck $(if $(MEND),--yes)

compare: $(VENV)/ready
	@python -m tools compare $(A) $(B)

define make-venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Python 3.11 or newer is needed; set PYTHON=")'
	@$(PYTHON) -m venv $(@D)
endef

$(VENV)/ready: pyproject.toml constraints.txt
	@echo 'Installing the packages into $(VENV): 1 to 10 minutes, most of it to download and unpack torch.'
	$(make-venv)
	@$(BIN)/python $(INSTALL) --editable '.[pipeline,remotes]'
	@$(BIN)/python -m tools lock
	@touch $@

$(VENV)/ready-dev: $(VENV)/ready
	@echo 'Installing what tests and checks need into $(VENV): a minute or two.'
	@$(BIN)/python $(INSTALL) --editable '.[dev]'
	@touch $@

$(VENV)/ready-docs: $(VENV)/ready
	@echo 'Installing what builds the site into $(VENV): less than a minute.'
	@$(BIN)/python $(INSTALL) --editable '.[docs]'
	@touch $@

# In the same folder as the full install, so that both are activated alike. `make repro` asks for
# `ready` and adds the rest; after a full install, pip finds everything here already.
$(VENV)/ready-light: pyproject.toml constraints.txt
	@echo 'Installing DVC without torch into $(VENV): about a minute.'
	$(make-venv)
	@$(BIN)/python $(INSTALL) 'dvc[s3,ssh]'
	@touch $@

$(SNAKEMAKE)/ready: requirements-snakemake.txt
	@echo 'Installing Snakemake into $(SNAKEMAKE): less than a minute.'
	$(make-venv)
	@$(SNAKEMAKE)/bin/python tools/install.py --requirement $<
	@touch $@

# torch and torchvision stay ranges: which build fits (CPU, CUDA, ROCm), and with it which CUDA
# libraries, depends on the machine; versions.yaml records what came. Packages drop old Pythons, so
# versions that a newer Python finds may not exist for 3.11.
lock: $(VENV)/ready
	@python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "error: locked versions have \
	to fit the oldest Python, 3.11: rm -r $(VENV) && make lock PYTHON=python3.11")'
	$(BIN)/pip install -q 'pip-tools>=7.5'
	$(COMPILE) --all-extras --unsafe-package torch --unsafe-package torchvision \
	    -o constraints.all.txt pyproject.toml
	grep -v -E '^(triton|cuda-|nvidia-(c|n)|interpreting-clip )' constraints.all.txt > constraints.txt
	rm constraints.all.txt
	echo 'snakemake>=9,<10' | $(COMPILE) -o requirements-snakemake.txt -

clean:
	test ! -d .scratch || find .scratch -mindepth 1 -maxdepth 1 ! -name downloads -exec rm -rf {} +
	rm -rf dvc_plots site .cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
