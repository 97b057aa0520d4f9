"""The compiled paths of public functions; ``two_tier`` keeps the type of what it decorates."""

from collections.abc import Callable
from typing import TypeVar

_Function = TypeVar("_Function", bound=Callable[..., object])

def two_tier(name: str) -> Callable[[_Function], _Function]: ...
def own_product(m: int, k: int, n: int) -> bool: ...
def own_chain(m: int, n: int, p: int, q: int) -> bool: ...
