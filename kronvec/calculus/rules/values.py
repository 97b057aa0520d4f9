"""Operations on values: piecewise constant, so that the derivative is zero or none."""

from __future__ import annotations

import numpy as np

from ..registry import without_derivative

_STEP = "piecewise constant, its derivative is zero wherever there is one"
_TRUTH = "its values are true and false"
_INDEX = "its values are indices"

sign = without_derivative("sign", np.sign, _STEP)
floor = without_derivative("floor", np.floor, _STEP)
ceil = without_derivative("ceil", np.ceil, _STEP)
greater = without_derivative("greater", np.greater, _TRUTH)
greater_equal = without_derivative("greater_equal", np.greater_equal, _TRUTH)
less = without_derivative("less", np.less, _TRUTH)
less_equal = without_derivative("less_equal", np.less_equal, _TRUTH)
equal = without_derivative("equal", np.equal, _TRUTH)
not_equal = without_derivative("not_equal", np.not_equal, _TRUTH)
argmax = without_derivative("argmax", np.argmax, _INDEX)
argmin = without_derivative("argmin", np.argmin, _INDEX)
