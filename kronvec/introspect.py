"""What runs where: the configuration, the patch of NumPy's kron, the headers, a self-test."""

from __future__ import annotations

import itertools
import os
import platform
import sys
from collections.abc import Iterator
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _kernels
from ._machine import level1_bytes, level2_bytes
from .products import kron

if TYPE_CHECKING:
    from types import TracebackType
    from typing import TextIO

    from ._typing import DType


_ISA_VARIABLE = "KRONVEC_ISA"


# ------------------------------------------------------------------------------ show_config


def show_config(file: TextIO | None = None) -> None:
    """Print what this installation runs on.

    The versions, the caches that blocks are made for, the instruction set that serves each
    kernel and dtype, NumPy's BLAS, and the thread pools in the process.

    Parameters
    ----------
    file : text file, optional
        Where to print; standard output by default.

    Notes
    -----
    The instruction set is chosen at import, the best that the CPU has.  The environment
    variable ``KRONVEC_ISA`` (baseline, avx2 or avx512) lowers it.

    Examples
    --------
    >>> import io
    >>> import kronvec as kv
    >>> text = io.StringIO()
    >>> kv.show_config(file=text)
    >>> "NumPy" in text.getvalue()
    True
    """
    lines = itertools.chain(_version_lines(), [""], _kernel_lines(), [""], _thread_lines())
    print("\n".join(lines), file=sys.stdout if file is None else file)


def _version_lines() -> Iterator[str]:
    from . import __version__

    available = ", ".join(map(_isa_name, _kernels.available_isas()))
    blas = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    rows = {
        "kronvec": __version__,
        "Python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "NumPy": np.__version__,
        "NumPy's BLAS": f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip(),
        "instruction sets": f"{available} ({_ISA_VARIABLE}={os.environ.get(_ISA_VARIABLE, '')})",
    }
    levels = {1: level1_bytes(), 2: level2_bytes()}
    rows["caches of a core"] = ", ".join(f"L{k} {n >> 10} KiB" for k, n in levels.items())
    width = max(map(len, rows))
    return (f"{name:<{width}}  {value}" for name, value in rows.items())


def _isa_name(isa: str) -> str:
    """On AArch64 the 16-byte baseline is NEON."""
    neon = isa == "baseline" and platform.machine().lower() in ("aarch64", "arm64")
    return "neon" if neon else isa


def _kernel_lines() -> Iterator[str]:
    """A table for each group of kernels that serve the same dtypes."""
    table = _kernels.kernel_table()
    groups: dict[tuple[str, ...], list[str]] = {}
    for kernel, served in table.items():
        groups.setdefault(tuple(served), []).append(kernel)
    width = max(map(len, [*table, "kernel"]))
    for dtypes, kernels in groups.items():
        yield "  ".join([f"{'kernel':<{width}}", *(f"{dtype:<10}" for dtype in dtypes)]).rstrip()
        for kernel in kernels:
            isas = (f"{_isa_name(table[kernel][dtype]):<10}" for dtype in dtypes)
            yield "  ".join([f"{kernel:<{width}}", *isas]).rstrip()


def _thread_lines() -> Iterator[str]:
    yield "threads of kronvec's own kernels: 1 unless workers= is given"
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        yield "other thread pools: unknown (threadpoolctl is not installed)"
        return
    for pool in threadpool_info():
        names = (pool.get("internal_api"), pool.get("version"), pool.get("architecture"))
        known = " ".join(name for name in names if name)
        yield f"thread pool: {known}, {pool.get('num_threads')} threads, {pool.get('filepath')}"


# ------------------------------------------------------------------------------ get_include


def get_include() -> str:
    """Folder of ``kronvec.h``, for the include path of what is compiled against kronvec.

    C and C++ include the header and call ``kronvec_import()``; Cython modules that
    ``cimport kronvec.cython_api`` need it, too.  Nothing is linked.

    Returns
    -------
    str

    See Also
    --------
    numpy.get_include : the same for NumPy's headers.

    Examples
    --------
    >>> import os
    >>> import kronvec as kv
    >>> os.listdir(kv.get_include())
    ['kronvec.h']
    """
    return os.path.join(os.path.dirname(__file__), "include")


# ------------------------------------------------------------------------------ patch_numpy


class _NumpyPatch:
    """``numpy.kron`` replaced by kronvec's until ``undo``, which a ``with`` block calls.

    Patches are counted, so they nest and may be undone in any order; NumPy's function comes
    back with the last.
    """

    _lock = Lock()
    _active = 0
    _original: Any = None

    def __init__(self) -> None:
        from . import _reference as _reference  # it holds NumPy's function: before that is replaced

        self._applied = True
        cls = _NumpyPatch
        with cls._lock:
            if cls._active == 0:
                cls._original, np.kron = np.kron, kron  # type: ignore[assignment]  # it takes more
            cls._active += 1

    def undo(self) -> None:
        """Take this patch back; a second call does nothing."""
        cls = _NumpyPatch
        with cls._lock:
            if not self._applied:
                return
            self._applied = False
            cls._active -= 1
            if cls._active == 0:
                if np.kron is kron:  # else someone patched it after us: leave theirs
                    np.kron = cls._original
                cls._original = None

    def __enter__(self) -> _NumpyPatch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.undo()

    def __repr__(self) -> str:
        return f"<patch of numpy.kron by kronvec.kron, {'on' if self._applied else 'undone'}>"


def patch_numpy() -> _NumpyPatch:
    """Replace ``numpy.kron`` by `kronvec.kron`, at once.

    Two operands give exactly what ``np.kron`` gives, faster.  Modules that imported the name
    before (``from numpy import kron``) keep NumPy's.

    Returns
    -------
    patch
        ``patch.undo()`` restores NumPy's function; so does leaving a ``with`` block on it.
        Patches nest and may be undone in any order: the last one restores.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> original = np.kron
    >>> with kv.patch_numpy():
    ...     np.kron is kv.kron
    True
    >>> np.kron is original
    True
    """
    return _NumpyPatch()


# ------------------------------------------------------------------------------------- test

_SELFTEST_DTYPES = ("float32", "float64", "complex64", "complex128", "int64")
_SELFTEST_SIZES = ((2, 3, 4, 5), (4, 4, 4, 4), (1, 7, 9, 2), (17, 8, 3, 33), (0, 3, 2, 1))


def test(verbose: bool = True) -> bool:
    """Compare every function with its plain definition, on every instruction set of the CPU.

    A check of an installation that takes a second or so; the package's own test suite is much
    larger.

    Parameters
    ----------
    verbose : bool
        Print a line at the end.

    Returns
    -------
    bool
        True.

    Raises
    ------
    AssertionError
        A result differs; the message names the function, its arguments and the instruction set.

    Examples
    --------
    >>> import kronvec as kv
    >>> kv.test(verbose=False)
    True
    """
    count = 0
    isas = _kernels.available_isas()
    for isa in isas:
        previous = _kernels._use_isa(isa)
        try:
            for dtype, sizes in itertools.product(_SELFTEST_DTYPES, _SELFTEST_SIZES):
                for name, arguments, keywords in _selftest_calls(np.dtype(dtype), *sizes):
                    _compare(name, arguments, keywords, f"{dtype}, sizes {sizes}, {isa}")
                    count += 1
        finally:
            _kernels._use_isa(previous)
    if verbose:
        print(f"kronvec: {count} comparisons agree on {', '.join(map(_isa_name, isas))}")
    return True


def _selftest_calls(dtype: DType, m: int, n: int, p: int, q: int) -> Iterator[tuple[Any, ...]]:
    """(function, arguments, keywords) of one call of each function and each variant worth it."""
    random = np.random.default_rng(m + 10 * n + 100 * p + 1000 * q)

    def new(*shape: int) -> np.ndarray:
        values = random.integers(-9, 9, shape) if dtype.kind == "i" else random.normal(size=shape)
        if dtype.kind == "c":
            values = values + 1j * random.normal(size=shape)
        return np.asarray(values, dtype)

    a, b, c = new(m, n), new(n, p), new(p, q)
    factors = [new(m, n), new(p, q), new(2, 3)]
    rows, columns = m * p * 2, n * q * 3
    for order in "FC":
        yield "vec", (new(3, m, n),), {"order": order}
        yield "unvec", (new(3, m * n), (m, n)), {"order": order}
        yield "vech", (new(3, n, n),), {"order": order}
        yield "unvech", (new(3, n * (n + 1) // 2),), {"order": order, "hermitian": True}
        yield "svec", (new(n, n),), {"order": order}
        yield "smat", (new(n * (n + 1) // 2),), {"order": order}
        target = "C" if order == "F" else "F"
        yield "vec_reorder", (new(m * n), (m, n)), {"source": order, "target": target}
        yield "vec_trick", (a, new(n * p), c), {"order": order}
        yield "vec_trick_vjp", (new(m * q), a, new(n * p), c), {"order": order}
    for side in ("left", "right"):
        yield "commutation_matmul", (new(m * n, m * n), m, n), {"side": side}
    yield "commutation_matmul", (new(m * n), m, n), {"transposed": True}
    yield "commutation_indices", (m, n), {}
    yield "commutation_matrix", (m, n), {}
    half = n * (n + 1) // 2
    for name, size in (("duplication", half), ("elimination", n * n), ("symmetrizer", n * n)):
        yield f"{name}_matmul", (new(size, 2), n), {}
        yield f"{name}_indices", (n,), {}
        yield f"{name}_matrix", (n,), {}
    yield "duplication_pinv_matmul", (new(2, half), n), {"side": "right"}
    yield "duplication_pinv_matrix", (n,), {}
    square = new(n, n)
    yield "vech_kron", (square,), {}
    yield "vech_kron_matvec", (square, new(half), new(n, n)), {}
    yield "symmetric_kron", (square, new(n, n)), {}
    yield "symmetric_kron_matvec", (square, new(half)), {}
    yield "symmetrizer_kron", (square,), {}
    yield "symmetrizer_kron_matvec", (square, new(n * n)), {}
    yield "kron", (a, c), {}
    yield "bkron", (new(2, m, n), new(3, 1, p, q)), {}
    yield "triple_product", (a, b, c), {}
    yield "triple_product", (new(3, m, n), b, c), {}
    yield "kron_matvec", (factors, new(columns)), {}
    yield "kron_vecmat", (new(rows), factors), {}
    yield "kron_matmul", (factors, new(columns, 2)), {}
    yield "matmul_kron", (new(2, rows), factors), {}
    samples = 5 if rows else 0
    picked = tuple(random.integers(0, max(size, 1), samples) for size in (m, p, 2))
    yield "kron_matvec", (factors, new(columns)), {"rows": picked}
    yield "kronsum", (new(m, m), new(p, p)), {}
    yield "kronsum_matmul", ([new(m, m), new(p, p), new(2, 2)], new(m * p * 2, 3)), {}
    yield "khatri_rao", (a, new(p, n)), {}
    yield "face_splitting", (a, new(m, q)), {}
    yield "khatri_rao_matvec", ([a, new(p, n)], new(n)), {}
    yield "face_splitting_matvec", ([a, new(m, q)], new(n * q)), {}
    yield "mttkrp", (new(m, n, p), [new(m, q), None, new(p, q)], 1), {}
    yield "matmul_vjp", (new(m, p), a, b), {}
    yield "matmul_vjp", (new(3, m, p), new(3, m, n), b), {"sum_batch": False, "conjugate": False}
    yield "matmul_jvp", (a, b, new(m, n), new(n, p)), {}
    yield "linear_vjp", (new(m, p), a, b), {}
    yield "triple_product_vjp", (new(m, q), a, b, c), {}
    yield "kron_vjp", (new(m * p, n * q), a, c), {}
    yield "kron_matmul_vjp", (new(rows, 2), factors, new(columns, 2)), {}
    yield "per_sample_sqnorm", (new(m, p), new(m, n)), {}
    yield "per_sample_sqnorm", (new(2, m, p), new(2, m, n)), {}


def _compare(name: str, arguments: tuple[Any, ...], keywords: dict[str, Any], where: str) -> None:
    """The public function against its definition: equal within rounding."""
    import kronvec

    from . import _reference  # not at import: it takes long

    got = list(_flat(getattr(kronvec, name)(*arguments, **keywords)))
    want = list(_flat(getattr(_reference, name)(*arguments, **keywords)))
    call = f"{name}({', '.join(map(_described, arguments))}, {keywords}), {where}"
    _require(len(got) == len(want), f"{call}: {len(got)} results instead of {len(want)}")
    for one, other in zip(got, want, strict=True):
        _require(one.shape == other.shape, f"{call}: shape {one.shape} instead of {other.shape}")
        _require(one.dtype == other.dtype, f"{call}: dtype {one.dtype} instead of {other.dtype}")
        if one.size and one.dtype.kind in "fc":
            error, scale = np.abs(one - other).max(), np.abs(other).max()
            bound = 1000 * np.finfo(one.dtype).eps * scale
            _require(bool(error <= bound), f"{call}: error {error:.1e} above {bound:.1e}")
        else:
            _require(np.array_equal(one, other), f"{call}: differs")


def _require(condition: bool, message: str) -> None:
    """An assertion that ``python -O`` keeps."""
    if not condition:
        raise AssertionError(message)


def _flat(result: Any) -> Iterator[np.ndarray]:
    """The arrays in a result, which may be a tuple or a list of them."""
    if isinstance(result, (tuple, list)):
        for part in result:
            yield from _flat(part)
    else:
        yield np.asarray(result)


def _described(argument: Any) -> str:
    """An array by its shape, a list of arrays by theirs, anything else by itself."""
    if isinstance(argument, list):
        return f"[{', '.join(map(_described, argument))}]"
    return str(getattr(argument, "shape", argument))
