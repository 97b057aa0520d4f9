"""The call target of kronvec.interop.jax: XLA calls it with its buffers, it calls Python."""

from collections.abc import Callable
from typing import Any

functions: list[Callable[..., None]]

def target() -> Any: ...
