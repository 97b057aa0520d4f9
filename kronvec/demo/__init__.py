"""The demo, `python -m kronvec demo`: restore an elevation map from 30% of its pixels.

Reading order: terrain.py (the data, the restoration and its linear system), covariance.py (the
model and how it is chosen); story.py runs and prints them, with picture.py and naive_table.py.
"""

import contextlib
import importlib.util
import os

EXTRA = ("scipy", "matplotlib", "rich")  # the optional dependencies `kronvec[demo]`


def run(out="kronvec-demo.png", *, seed=0):
    """Run the demo, print its figures, write the picture to `out` and return the figures.

    Parameters
    ----------
    out : path
        The PNG to write.
    seed : int
        Chooses the pixels that are kept and their noise.

    Returns
    -------
    dict
        What was printed: sizes, iterations, residual, seconds, RMSE by method, the rows of the
        table that compares naive `np.kron` with `vec_trick`.

    Raises
    ------
    SystemExit
        With a message naming `pip install 'kronvec[demo]'` if SciPy, Matplotlib or rich is
        missing, or if `out` cannot be written.
    """
    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise SystemExit(
            f"The demo needs {', '.join(missing)}. Install with:  pip install 'kronvec[demo]'"
        )
    folder = os.path.dirname(os.path.abspath(out))
    if not os.access(folder, os.W_OK):  # now rather than at the end
        raise SystemExit(f"Cannot write {out}: no folder {folder}, or no permission.")
    with single_threaded_scipy():
        from .story import tell  # here, so that importing kronvec.demo needs no extra
    return tell(out, seed)


@contextlib.contextmanager
def single_threaded_scipy():
    """While this is open, SciPy's BLAS, if it is loaded now, is loaded with one thread.

    NumPy's and SciPy's wheels each bring an OpenBLAS with threads of its own, which get into each
    other's way. The triangulation behind SciPy's interpolation factors 80,000 matrices of 2 x 2,
    where threads only ever cost time. NumPy's BLAS, already loaded, keeps its threads.
    """
    name = "OPENBLAS_NUM_THREADS"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before
