"""What a Kronecker product over Dask moves and takes, beside the model of docs/dask.md.

``python -m kronvec.interop.dask_benchmark [workers ...]`` starts clusters of processes on this
machine, one thread each.
"""

from __future__ import annotations

import os
import sys
import time
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from . import dask as kd

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .._typing import Shape


def model(factors: Sequence[Any], itemsize: int, workers: int) -> Any:
    """(bytes moved, multiply-adds) of K x for square factors of these sizes.

    N = Π n_i entries; each of the W workers keeps 1 / W of what it has and sends the rest once;
    factor i takes N n_i multiply-adds.
    """
    n = prod(factors)
    return n * itemsize * (workers - 1) / workers, n * sum(factors)


def bytes_sent(client: Any) -> Any:
    """By all workers, to each other, since they started."""
    return sum(client.run(lambda dask_worker: dask_worker.transfer_outgoing_bytes_total).values())


def spread(client: Any, array: Any, axis: int = 0) -> Any:
    """The array in memory, its blocks along ``axis`` dealt out evenly to the workers."""
    import dask.array as da
    from distributed import wait

    workers = sorted(client.run(os.getpid))
    borders = [i * array.numblocks[axis] // len(workers) for i in range(len(workers) + 1)]
    whole = (slice(None),) * axis
    parts = [
        client.persist(array.blocks[(*whole, slice(begin, end))], workers=[worker])
        for worker, begin, end in zip(workers, borders, borders[1:], strict=False)
        if end > begin
    ]
    wait(parts)
    return da.concatenate(parts, axis=axis)


def busy_seconds(client: Any) -> Any:
    """The processor time that each worker has used."""
    return np.array(sorted(client.run(time.process_time).items()), object)[:, 1].astype(float)


def cluster(workers: int) -> Any:
    """Processes of one thread; tasks stay where their data is."""
    import dask
    from distributed import LocalCluster

    dask.config.set({"distributed.scheduler.work-stealing": False})
    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        dashboard_address=None,
        worker_dashboard_address=None,
        memory_limit="3GB",
    )


def measure(client: Any, sizes: Shape, lead: Any, chunks: Any, products: Any) -> Any:
    """(bytes moved, seconds, those of the busiest worker's processor) of products in a row."""
    import dask.array as da
    from distributed import wait

    rng = np.random.default_rng(0)
    factors = [np.linalg.qr(rng.standard_normal((n, n)))[0] for n in sizes]
    rows, columns = prod(sizes[:lead]), prod(sizes[lead:])
    grid = da.random.default_rng(0).standard_normal(
        (rows, columns), chunks=(-(-rows // chunks), columns)
    )
    grid = spread(client, grid)
    norm = float((grid**2).sum().compute())
    before, busy, start = bytes_sent(client), busy_seconds(client), time.perf_counter()
    result = grid
    for _ in range(products):
        result = kd.grid_matmul(factors, result)
    result = result.persist()
    wait(result)
    seconds, moved = time.perf_counter() - start, bytes_sent(client) - before
    busy = (busy_seconds(client) - busy).max()
    # The factors are orthogonal.
    np.testing.assert_allclose(float((result**2).sum().compute()), norm, rtol=1e-9)
    return moved, seconds, busy


#: (sizes of the factors, how many lead, chunks, products)
TRAFFIC = [
    ((64, 64, 64, 16), 1, 16, 1),
    ((16,) * 5 + (4,), 2, 16, 1),
    ((4,) * 11, 3, 16, 1),
    ((64, 64, 64, 16), 1, 16, 4),
]
SPEED = ((1024, 1024, 32), 1, 16, 2)


def main(counts: Any = (1, 2)) -> None:
    """Print traffic and time for each number of workers."""
    from distributed import Client

    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs")
    print("workers  factors            products  moved MB  model MB  ratio  seconds")
    best = {}
    for workers in counts:
        with cluster(workers) as local, Client(local) as client:
            for sizes, lead, chunks, products in TRAFFIC if workers > 1 else []:
                moved, seconds, _ = measure(client, sizes, lead, chunks, products)
                expected = products * model(sizes, 8, workers)[0]
                label = f"{sizes[0]} x {len(sizes)}"
                print(
                    f"{workers:7d}  {label:17s}  {products:8d}  {moved / 1e6:8.1f}  "
                    f"{expected / 1e6:8.1f}  {moved / expected:5.2f}  {seconds:7.2f}"
                )
            runs = [measure(client, *SPEED)[1:] for _ in range(3)]
            best[workers] = tuple(map(min, zip(*runs, strict=True)))
    sizes, _, _, products = SPEED
    adds = products * model(sizes, 8, 1)[1]
    for workers, (seconds, busy) in best.items():
        wall, processor = (a / b for a, b in zip(best[min(best)], (seconds, busy), strict=True))
        print(
            f"{products} products with {sizes}, {workers} workers: {seconds:.2f} s, "
            f"{adds / seconds / 1e9:.1f} G multiply-adds/s, {wall:.2f} times as fast as "
            f"{min(best)}; the busiest worker's processor {busy:.2f} s ({processor:.2f} times less)"
        )
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main([int(count) for count in sys.argv[1:]] or (1, 2))
