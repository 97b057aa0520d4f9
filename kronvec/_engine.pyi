"""One pass of a many-factor plan, product or sum, and the squared norms of rows."""

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

def run_pass(
    sizes: tuple[Any, ...],
    factors: list[NDArray[Any]],
    x: NDArray[Any],
    y: NDArray[Any],
    begin: int,
    end: int,
    beta: NDArray[Any] | None = None,
) -> None: ...
def run_sum_pass(
    sizes: tuple[Any, ...],
    factors: list[NDArray[Any]],
    x: NDArray[Any],
    y: NDArray[Any],
    accumulate: bool,
    begin: int,
    end: int,
) -> None: ...
def plan_with(
    function: Callable[..., tuple[tuple[Any, ...], int, int] | None],
) -> None: ...
def row_sqnorm(x: NDArray[Any]) -> NDArray[Any]: ...
