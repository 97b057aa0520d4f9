"""The compiled paths of public functions; ``two_tier`` keeps the type of what it decorates."""

from collections.abc import Callable
from typing import Any, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., object])

def two_tier(name: str) -> Callable[[_Function], _Function]: ...
def small_product(
    factors: list[Any], x: object, axis: int, transposed: bool
) -> Any: ...  # an array, or None where Python is asked
def columns_times(mats: object, x: object, transposed: bool) -> Any: ...  # likewise
def gated(
    function: _Function,
    is_foreign: Callable[[type], bool],
    elsewhere: Callable[[_Function, tuple[Any, ...], dict[str, Any]], object],
) -> _Function: ...
def is_small(shapes: list[tuple[int, int]], size: int) -> bool: ...
def own_product(m: int, k: int, n: int) -> bool: ...
def own_pair(m: int, k: int, n: int) -> bool: ...
def own_chain(m: int, n: int, p: int, q: int) -> bool: ...
