"""Hypothesis: the same examples on every machine, no deadlines (machines are noisy)."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "kronvec",
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("kronvec")
