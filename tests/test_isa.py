"""Instruction sets: the choice at import, the private switch, and that all agree."""

import io
import itertools
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kronvec as kv
from helpers import ISAS, KERNEL_DTYPES, leaves, map_arrays, random, use_isa
from kronvec import _kernels
from operations import OPERATIONS

ROOT = str(Path(kv.__file__).parents[1])
SHOWN = {"baseline": "neon"} if platform.machine().lower() in ("aarch64", "arm64") else {}


def python(program, **environment):
    """Run a program in a fresh interpreter that imports this kronvec."""
    path = os.pathsep.join([ROOT, os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
    )


def isas_in_use():
    """The instruction sets that the table names now."""
    return {isa for slots in _kernels.kernel_table().values() for isa in slots.values()}


@pytest.mark.parametrize("isa", ISAS)
def test_the_environment_lowers_the_instruction_set(isa):
    program = "import kronvec as kv; print(kv._kernels.kernel_table()); kv.show_config()"
    result = python(program, KRONVEC_ISA=isa)
    assert result.returncode == 0, result.stderr
    table, shown = result.stdout.split("\n", 1)
    names = {name for slots in eval(table).values() for name in slots.values()}
    assert names <= set(ISAS[: ISAS.index(isa) + 1])
    assert isa in names
    assert SHOWN.get(isa, isa) in shown


@pytest.mark.parametrize("name", ["sse9", "AVX2", "avx2,avx512", " baseline"])
def test_an_unknown_instruction_set_raises_at_import(name):
    result = python("import kronvec", KRONVEC_ISA=name)
    assert result.returncode == 1
    assert "KRONVEC_ISA" in result.stderr and name in result.stderr
    assert all(isa in result.stderr for isa in ISAS)  # what would work


def test_the_best_instruction_set_is_the_default():
    program = "import kronvec as kv; print(kv._kernels._use_isa('baseline'))"
    assert python(program, KRONVEC_ISA="").stdout.strip() == ISAS[-1]


def test_the_switch_returns_the_previous_and_refuses_unknown_names():
    before = _kernels._use_isa("baseline")
    try:
        assert isas_in_use() == {"baseline"}
        assert _kernels._use_isa(before) == "baseline"
    finally:
        _kernels._use_isa(before)
    with pytest.raises(ValueError, match="sse9"):
        _kernels._use_isa("sse9")
    assert _kernels._use_isa(before) == before


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_every_public_function_on_every_instruction_set_between_guard_pages(operation, isa):
    with use_isa(isa):
        for dtype in KERNEL_DTYPES:
            for sizes in [(2, 3, 4, 5), (4, 4, 4, 4), (8, 8, 8, 8), (7, 17, 9, 33)]:
                for layout in ("after_guard", "before_guard"):
                    operation.check(operation.build(dtype, sizes, layout=layout), sizes)


def keeps_integers(operation):
    """Products with svecs scale by √2 before they multiply, so that sums round."""
    return "svec" not in operation.kwargs.values() and operation.name != "symmetric_kron_matvec"


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if keeps_integers(o)], ids=str)
def test_instruction_sets_agree_on_exact_data(operation):
    args = map_arrays(lambda a: a.astype("float32"), operation.build("int64"))
    results = []
    for isa in ISAS:
        with use_isa(isa):
            results.append(leaves(operation(*args)))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert np.array_equal(a, b)


# --------------------------------------------------------------------------------------
# show_config


def shown_config():
    text = io.StringIO()
    kv.show_config(file=text)
    return text.getvalue()


def test_show_config_names_every_kernel_dtype_and_instruction_set():
    text = shown_config()
    for kernel, slots in _kernels.kernel_table().items():
        line = next(line for line in text.splitlines() if line.startswith(kernel))
        assert line.split()[1:] == [SHOWN.get(isa, isa) for isa in slots.values()]
        assert all(slot in text for slot in slots)
    for isa in ISAS:
        assert SHOWN.get(isa, isa) in text


@pytest.mark.parametrize("isa", ISAS)
def test_show_config_follows_the_switch(isa):
    with use_isa(isa):
        line = next(li for li in shown_config().splitlines() if li.startswith("mode_product"))
    assert set(line.split()[1:]) <= {SHOWN.get(i, i) for i in ISAS[: ISAS.index(isa) + 1]}


def test_show_config_names_versions_blas_and_threads(capsys):
    kv.show_config()
    text = capsys.readouterr().out
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
    for word in (kv.__version__, np.__version__, platform.python_version(), blas, "thread"):
        assert word in text


def test_the_shipped_self_test_passes(capsys):
    assert kv.test() is True
    assert kv.kron(random("float32", 1, 1), random("float32", 1, 1)).shape == (1, 1)
    assert all(SHOWN.get(isa, isa) in capsys.readouterr().out for isa in ISAS[:1])


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
def test_a_mode_product_of_a_small_square_factor_may_write_over_its_operand(dtype, isa):
    """beta scales out so, by a factor of one entry."""
    with use_isa(isa):
        for n, r in itertools.product(range(1, 9), (1, 3, 40, 700)):
            f, x = random(dtype, n, n), random(dtype, 2, n, r)
            y = np.full_like(x, np.nan)
            _kernels.run_mode_product(f, x, y)
            _kernels.run_mode_product(f, x, x)
            assert np.array_equal(x, y), (n, r)


def test_show_config_lists_the_thread_pools_of_others(monkeypatch):
    class Pools:
        @staticmethod
        def threadpool_info():
            return [
                {"internal_api": "openblas", "version": "1.0", "num_threads": 2, "filepath": "x.so"}
            ]

    text = io.StringIO()
    monkeypatch.setitem(sys.modules, "threadpoolctl", Pools)
    kv.show_config(file=text)
    assert "thread pool: openblas 1.0, 2 threads, x.so" in text.getvalue()
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    kv.show_config(file=text)
    assert "unknown (threadpoolctl is not installed)" in text.getvalue()
