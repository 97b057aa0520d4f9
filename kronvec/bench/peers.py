"""All peers: the adapters register themselves where they are imported."""

from . import framework_peers, numpy_peers, tensor_peers, unfolding_peers  # noqa: F401
from .registry import PEERS, Unsuitable

__all__ = ["PEERS", "Unsuitable"]
