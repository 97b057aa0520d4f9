# What runs for long, by hand: the Makefile includes this.
#
#   make test-parallel  every test on four threads at once (pytest-run-parallel)
#   make leaks      10^5 calls of every function; what each leaves behind
#   make fuzz       many new examples for every public function: make fuzz EXAMPLES=1000 SEED=7
#   make coverage   lines and branches of the Python layer that the tests run
#   make mutants    small breaks of the Python layer that a test must notice
#   make mutants-drivers  the same for the arithmetic of the compiled drivers
#   make sanitize   the test suite against a build with ASan and UBSan
#   make sanitize-kernels   the part of it about kernels and drivers, memory and shapes
#   make sanitize-threads   the C kernels on many threads with TSan
#   make fuzz-kernels SECONDS=60   a coverage-guided fuzzer of the C kernels (clang's libFuzzer)
#   make coverage-c   the lines of the C templates that their tests run

.PHONY: test-parallel leaks fuzz coverage mutants sanitize sanitize-kernels sanitize-threads \
	fuzz-kernels coverage-c mutants-drivers

# ---- the suite in other ways ---------------------------------------------------------------------

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

# ---- what the tests notice ------------------------------------------------------------------------

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

# In that environment, where packages that build the drivers are.
mutants-drivers: $(COVERAGE_C)/built
	$(COVERAGE_C)/venv/bin/python .ci/driver_mutants.py $(ARGS)
