# Each target works from nothing: a machine with Python >= 3.11 and a C compiler.
#
#   make demo       the main job on real data
#   make test       the test suite            make test ARGS="-k kron -x"
#   make fuzz       many new examples for every public function: make fuzz EXAMPLES=1000 SEED=7
#   make lint       what CI and pre-commit check; `make format` puts most of it right
#   make types      the type checker over the Python layer
#   make sdist      build the sdist; unpack, install and test it outside of the checkout
#   make wheel      build the wheel; look into it, install and test it likewise
#   make embedding  build a package that embeds kronvec against that wheel; check and time it
#   make sanitize   the test suite against a build with ASan and UBSan
#   make clean      remove all that these made

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
ARGS ?=

# What an editable install must be made anew for; Python files it reads in place.
SOURCES := setup.py pyproject.toml $(wildcard src/*.p[xy]* src/simd/* kronvec/*.pxd kronvec/include/*)

.PHONY: demo test fuzz lint types format dist sdist wheel embedding sanitize clean
.DELETE_ON_ERROR:

# ---- the environment: .venv/.demo says that .venv has the package with the extra demo;
# ---- dev holds the other extras ----------------------------------------------------------------

$(VENV)/pyvenv.cfg:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.%: $(SOURCES) | $(VENV)/pyvenv.cfg
	$(BIN)/pip install --quiet --editable '.[$*]'
	touch $(addprefix $(VENV)/.,$(if $(filter dev,$*),demo test) $*)

demo: $(VENV)/.demo
	$(BIN)/python -m kronvec demo

test: $(VENV)/.test
	$(BIN)/pytest $(ARGS)

# Examples of each of some 800 tests; the seed, which pytest's command line shows, repeats a run.
EXAMPLES ?= 150
SEED := $(or $(SEED),$(shell date +%s))

fuzz: $(VENV)/.test
	KRONVEC_FUZZ=$(EXAMPLES) $(BIN)/pytest tests/fuzz --hypothesis-seed=$(SEED) $(ARGS)

# ---- style: the stubs are compared with the compiled modules, but for the one that needs JAX ----

PYTHON_CODE = setup.py kronvec tests $(wildcard .ci benchmarks examples)
EMBEDDING = tests/embedding/kronvec_embedding
CYTHON_CODE = $(wildcard src/*.p[xy]* kronvec/*.pxd $(EMBEDDING)/*.pyx)
C_CODE = $(wildcard src/simd/*.[ch] kronvec/include/*.h $(EMBEDDING)/*.c)

lint: $(VENV)/.dev
	$(BIN)/ruff check $(PYTHON_CODE)
	$(BIN)/ruff format --check $(PYTHON_CODE)
	PATH=$(abspath $(BIN)):$$PATH cython-lint $(CYTHON_CODE)
	$(BIN)/clang-format --dry-run --Werror $(C_CODE)
	$(BIN)/stubtest --mypy-config-file pyproject.toml --allowlist .ci/stubtest.allow \
		$(patsubst src/%.pyx,kronvec.%,$(filter-out src/_xla.pyx,$(wildcard src/*.pyx)))

types: $(VENV)/.dev
	$(BIN)/basedpyright --pythonpath $(BIN)/python

format: $(VENV)/.dev
	$(BIN)/ruff check --fix-only $(PYTHON_CODE)
	$(BIN)/ruff format $(PYTHON_CODE)
	$(BIN)/clang-format -i $(C_CODE)

# ---- distributions: built and tried in folders of their own ------------------------------------

DIST = build/dist
# Install $(1) into a fresh environment and run the shipped self-test far from the checkout.
try = rm -rf $(DIST)/venv && $(PYTHON) -m venv $(DIST)/venv \
	&& $(DIST)/venv/bin/pip install --quiet $(1) \
	&& cd / && $(abspath $(DIST)/venv/bin/python) -W error -c 'import kronvec; kronvec.test()'

# The wheel is built from the unpacked sdist, so both come from clean folders.
dist: $(VENV)/.dev
	rm -rf $(DIST)
	$(BIN)/python -m build --outdir $(DIST)
	$(BIN)/python .ci/check_dist.py $(DIST)

sdist: dist
	mkdir $(DIST)/source
	tar -xzf $(DIST)/kronvec-*.tar.gz -C $(DIST)/source --strip-components=1
	$(call try,$(DIST)/source)

wheel: dist
	$(call try,$(DIST)/kronvec-*.whl)

# A copy, so that the checkout stays clean; no isolation, so that it meets the wheel just made.
embedding: wheel
	rm -rf $(DIST)/embedding
	cp -r tests/embedding $(DIST)
	$(DIST)/venv/bin/pip install --quiet 'setuptools>=77' 'Cython>=3.1'
	$(DIST)/venv/bin/pip install --quiet --no-build-isolation --no-deps $(DIST)/embedding
	cd / && $(abspath $(DIST)/venv/bin/python) -m kronvec_embedding

# ---- sanitizers: an environment of its own, since the flags change every object ----------------

SANITIZE = build/sanitize
SANITIZERS = -fsanitize=address,undefined -fno-sanitize-recover=undefined
library = $(shell $(CC) -print-file-name=$(1).so)

$(SANITIZE)/installed: $(SOURCES) $(wildcard kronvec/*.py kronvec/*/*.py)
	rm -rf $(SANITIZE)
	$(PYTHON) -m venv $(SANITIZE)/venv
	$(SANITIZE)/venv/bin/pip install --quiet build
	$(SANITIZE)/venv/bin/python -m build --sdist --outdir $(SANITIZE)
	mkdir $(SANITIZE)/source
	tar -xzf $(SANITIZE)/kronvec-*.tar.gz -C $(SANITIZE)/source --strip-components=1
	CFLAGS='$(SANITIZERS) -fno-wrapv -g -O1' LDFLAGS='$(SANITIZERS)' \
		$(SANITIZE)/venv/bin/pip install --quiet '$(SANITIZE)/source[test]'
	touch $@

# A finding aborts: its report stands on stderr (so pytest leaves that alone), then the test's name.
# PYTHONSAFEPATH keeps the unbuilt checkout out of the way of interpreters that tests start.
sanitize: $(SANITIZE)/installed
	LD_PRELOAD='$(call library,libasan) $(call library,libubsan)' PYTHONMALLOC=malloc PYTHONSAFEPATH=1 \
	ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:abort_on_error=1 \
	UBSAN_OPTIONS=print_stacktrace=1:abort_on_error=1 \
		$(SANITIZE)/venv/bin/pytest --capture=sys $(ARGS)

clean:
	rm -rf $(VENV) build dist *.egg-info kronvec/*.so
