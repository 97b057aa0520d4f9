"""One step of a many-factor product, and the squared norms of rows."""

from typing import Any

from numpy.typing import NDArray

def mode_product(
    f: NDArray[Any],
    x: NDArray[Any],
    y: NDArray[Any],
    left: int,
    right: int,
    accumulate: bool,
    begin: int,
    end: int,
) -> None: ...
def row_sqnorm(x: NDArray[Any]) -> NDArray[Any]: ...
