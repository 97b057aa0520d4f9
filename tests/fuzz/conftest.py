"""Says how many examples were run."""

from judge import examples_run


def pytest_terminal_summary(terminalreporter):
    if examples_run:
        terminalreporter.write_line(f"{examples_run.total()} fuzzed examples")
