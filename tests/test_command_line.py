"""``python -m kronvec``: what it prints, its exit statuses, and how it takes being interrupted."""

import os
import subprocess
import sys

import numpy as np
import pytest

import kronvec as kv
from kronvec import __main__ as command_line
from kronvec.__main__ import factors, main


def environment(**variables):
    """With the package where it is found here, also when it is not installed."""
    return (
        os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)} | variables
    )


def run(*words, **variables):
    command = [sys.executable, "-m", "kronvec", *words]
    return subprocess.run(command, capture_output=True, timeout=120, env=environment(**variables))


def test_factors_are_written_as_sizes():
    assert factors("16") == [("", 16, 16)]
    assert factors("3x4") == [("", 3, 4)]
    assert factors("3x4^2") == [("", 3, 4)] * 2
    assert factors("I8") == [("I", 8, 8)]


@pytest.mark.parametrize("word", ["3y4", "x4", "-3", "2^", "I3x4", ""])
def test_what_is_no_factor_is_bad_usage(word, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["explain", "--", word])
    assert caught.value.code == 2
    assert "write 16, 3x4, 16^5 or I8" in capsys.readouterr().err


def test_explain_prints_the_plan_of_the_shapes(capsys):
    assert main(["explain", "3x4", "5", "I8", "--vectors", "7", "--dtype", "float32"]) == 0
    printed = capsys.readouterr().out
    identity = kv.operators.Identity(8)
    plan = kv.explain([(3, 4), (5, 5), identity], (4 * 5 * 8, 7), dtype=np.float32)
    assert printed == f"{plan}\n"


@pytest.mark.parametrize("side", ["left", "right"])
def test_explain_can_time_the_product(side, capsys):
    words = ["explain", "3x4", "I2", "5", "--vectors", "3", "--side", side, "--time"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    shape = (40, 3) if side == "left" else (3, 30)
    plan = kv.explain([(3, 4), kv.operators.Identity(2), (5, 5)], shape, side=side)
    assert printed.startswith(f"{plan}\nhere: ") and " ms" in printed


def test_a_product_that_no_memory_holds_is_one_line_of_error(capsys):
    assert main(["explain", "16^40"]) == 1
    assert "kronvec explain: " in capsys.readouterr().err


def test_the_help_of_every_command_teaches(capsys):
    for words in ([], ["demo"], ["bench"], ["explain"], ["info"]):
        with pytest.raises(SystemExit) as caught:
            main([*words, "--help"])
        assert caught.value.code == 0
        assert len(capsys.readouterr().out.splitlines()) > 5


def test_info_tells_the_version(capsys):
    assert main(["info"]) == 0
    assert kv.__version__ in capsys.readouterr().out


def test_no_command_is_bad_usage():
    done = run()
    assert done.returncode == 2 and b"usage: kronvec" in done.stderr


def test_output_is_readable_in_a_pipe_without_unicode():
    done = run("explain", "2", "3", PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and done.stdout.startswith(b"(2 x 2 ? 3 x 3) X")


def test_ctrl_c_ends_a_command_with_status_130(monkeypatch, capsys):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("kronvec.introspect.show_config", interrupted)
    assert main(["info"]) == 130
    assert capsys.readouterr().err == "\nInterrupted.\n"


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_a_reader_that_leaves_is_no_error():
    command = [sys.executable, "-u", "-m", "kronvec", "bench", "--list"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
    assert process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 0 and errors == b""


def test_errors_of_programming_are_not_hidden(monkeypatch):
    def fail(given):
        raise ZeroDivisionError

    monkeypatch.setattr(command_line, "info", fail)
    with pytest.raises(ZeroDivisionError):
        main(["info"])
