"""Operations on values: piecewise constant, so that the derivative is zero or none."""

from __future__ import annotations

import numpy as np

from ..registry import without_derivative

_STEP = "piecewise constant, its derivative is zero wherever there is one"
_TRUTH = "its values are true and false"
_INDEX = "its values are indices"
_PAIR = [1.0, 2.0], [1.0, 3.0]

sign = without_derivative("sign", np.sign, _STEP, [0.5, -2.0])
floor = without_derivative("floor", np.floor, _STEP, [0.5, -2.0])
ceil = without_derivative("ceil", np.ceil, _STEP, [0.5, -2.0])
greater = without_derivative("greater", np.greater, _TRUTH, *_PAIR)
greater_equal = without_derivative("greater_equal", np.greater_equal, _TRUTH, *_PAIR)
less = without_derivative("less", np.less, _TRUTH, *_PAIR)
less_equal = without_derivative("less_equal", np.less_equal, _TRUTH, *_PAIR)
equal = without_derivative("equal", np.equal, _TRUTH, *_PAIR)
not_equal = without_derivative("not_equal", np.not_equal, _TRUTH, *_PAIR)
argmax = without_derivative("argmax", np.argmax, _INDEX, [0.5, -2.0])
argmin = without_derivative("argmin", np.argmin, _INDEX, [0.5, -2.0])
