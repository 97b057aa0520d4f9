"""What compiled code calls: see cython_api.pxd and include/kronvec.h."""

from typing import Any

_c_api: Any
abi_version: int
