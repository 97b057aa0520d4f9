"""The same bits from run to run, for any workers, alignment and place in a batch.

Another instruction set, another shape of the batch, another memory order or BLAS may change the
last bits: not beyond the bounds of test_accuracy.py.
"""

import inspect
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import kronvec as kv
from helpers import ISAS, KERNEL_DTYPES, SANITIZED, leaves, map_arrays, random, use_isa
from operations import OPERATIONS

every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=str)
SIZES = [(2, 3, 4, 5), (7, 5, 3, 11), (8, 8, 8, 8), (3, 6, 16, 33)]


def placed(a, offset):
    """A copy that starts so many bytes behind a cache line."""
    raw = np.zeros(a.nbytes + 128, np.uint8)
    start = -raw.ctypes.data % 64 + offset
    view = raw[start : start + a.nbytes].view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


def bits(result):
    return [a.tobytes() for a in leaves(result)]


@every_operation
def test_the_place_in_memory_changes_no_bit(operation):
    for dtype in KERNEL_DTYPES:
        for sizes in SIZES:
            args = operation.build(dtype, sizes)
            expected = bits(operation(*args))
            for offset in (0, 8, 16, 24, 32, 56):
                moved = map_arrays(lambda a, offset=offset: placed(a, offset), args)
                assert bits(operation(*moved)) == expected, (dtype, sizes, offset)


@every_operation
def test_the_place_in_a_batch_changes_no_bit(operation):
    for dtype in KERNEL_DTYPES:
        for sizes in SIZES:
            args = operation.build(dtype, sizes)
            batch = operation(*map_arrays(lambda a: np.stack([a] * 7), args))
            for result in leaves(batch):
                if result.ndim and len(result) == 7:  # others are sums over the batch
                    assert all(item.tobytes() == result[0].tobytes() for item in result)


LARGE = {
    "triple_product": lambda t: (kv.triple_product, (t(150, 140), t(140, 130), t(130, 20))),
    "kron_matvec": lambda t: (kv.kron_matvec, ([t(60, 70), t(50, 40)], t(2800))),
    "kron_matmul": lambda t: (kv.kron_matmul, ([t(8, 8)] * 4, t(4096, 5))),
    "matmul_kron": lambda t: (kv.matmul_kron, (t(7, 130 * 140), [t(130, 130), t(140, 140)])),
    "kronsum_matmul": lambda t: (kv.kronsum_matmul, ([t(20, 20)] * 3, t(8000, 3))),
    "kron": lambda t: (kv.kron, (t(70, 80), t(60, 50))),
}


def large(name, dtype):
    seeds = iter(range(9))
    return LARGE[name](lambda *shape: random(dtype, *shape, seed=next(seeds)))


@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
@pytest.mark.parametrize("name", LARGE)
def test_large_products_are_the_same_in_every_run_place_and_thread(name, dtype):
    function, args = large(name, dtype)
    expected = bits(function(*args))
    assert bits(function(*args)) == expected
    for offset in (8, 24, 48):
        moved = map_arrays(lambda a, offset=offset: placed(a, offset), args)
        assert bits(function(*moved)) == expected
    with ThreadPoolExecutor(4) as pool:
        assert all(each == expected for each in pool.map(lambda _: bits(function(*args)), range(8)))


@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
@pytest.mark.parametrize("name", LARGE)
def test_workers_change_no_bit_of_large_products(name, dtype):
    function, args = large(name, dtype)
    if "workers" not in inspect.signature(function).parameters:
        pytest.skip("one thread")
    expected = bits(function(*args))
    for workers in (1, 2, 3, 7, -1):
        assert bits(function(*args, workers=workers)) == expected


PROGRAM = """
import hashlib, sys
import numpy as np
import test_determinism as here
for name in here.LARGE:
    for dtype in here.KERNEL_DTYPES:
        function, args = here.large(name, dtype)
        sys.stdout.write(hashlib.sha256(b"".join(here.bits(function(*args)))).hexdigest())
"""


def test_another_process_gets_the_same_bits():
    folders = [str(Path(__file__).parent), str(Path(kv.__file__).parents[1]), *sys.path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
    outputs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**environment, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert len(outputs[0]) == 64 * len(LARGE) * len(KERNEL_DTYPES)
    assert outputs[0] == outputs[1]


@pytest.mark.skipif(len(ISAS) < 2, reason="one instruction set")
@pytest.mark.skipif(SANITIZED, reason="nothing is fused where nothing is optimized")
def test_instruction_sets_without_fused_multiplication_differ_in_the_last_bits():
    """What the documentation says of KRONVEC_ISA is so: baseline rounds twice, AVX2 once."""
    function, args = large("kron_matmul", "float64")
    results = []
    for isa in ISAS:
        with use_isa(isa):
            results.append(function(*args))
    assert results[0].tobytes() != results[-1].tobytes()
    sizes = kv.kron_matmul([np.abs(f) for f in args[0]], np.abs(args[1]))
    assert (np.abs(results[0] - results[-1]) <= 80 * 2.0**-53 * sizes).all()
