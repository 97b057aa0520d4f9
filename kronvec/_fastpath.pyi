"""The compiled paths of public functions; ``two_tier`` keeps the type of what it decorates."""

from collections.abc import Callable
from typing import TypeVar

_Function = TypeVar("_Function", bound=Callable[..., object])

def two_tier(name: str) -> Callable[[_Function], _Function]: ...
def small_product(
    factors: list[object], x: object, axis: int, transposed: bool
) -> object | None: ...
def own_product(m: int, k: int, n: int) -> bool: ...
