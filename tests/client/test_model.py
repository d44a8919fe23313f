"""A model is healthy when its file is the pinned one, and what it answers is finite numbers."""

import os
from collections.abc import Callable
from hashlib import sha256
from itertools import count, repeat
from math import inf, nan
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.test_reports import anything
from tiltyard.client.model import MOST_BYTES, MOST_NUMBERS, Health, Model, examined, fault_of

WEIGHTS = os.urandom(3_000_000)
DIGEST = sha256(WEIGHTS).hexdigest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.onnx"
    path.write_bytes(WEIGHTS)
    return path


def fails(error: BaseException) -> Callable[[], NoReturn]:
    def answer() -> NoReturn:
        raise error

    return answer


@pytest.mark.parametrize(
    "answer",
    [0.5, -3, [0.1, 0.9], [[0.1], (0.2, [0.3])], [[], 1.0], (n / 2 for n in range(3)), {0.1, 0.2},
     np.float32(0.5), np.array(0.5), np.ones((2, 3), np.float32), [np.ones(2), np.float64(1)],
     np.zeros(MOST_NUMBERS // 2)],
)  # fmt: skip
def test_numbers_are_an_answer_however_they_are_nested(file: Path, answer: object) -> None:
    assert examined(Model(str(file), DIGEST.upper(), lambda: answer)) == Health(
        healthy=True, reason=""
    )


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (nan, "number 1 of its answer is nan"),
        ([0.1, [0.2, -inf]], "number 3 of its answer is -inf"),
        (np.array([[1, 2], [3, nan]], np.float32), "number 4 of its answer is nan"),
        (np.float32(inf), "number 1 of its answer is inf"),
        ([], "its answer has no numbers"),
        ([[], ()], "its answer has no numbers"),
        (np.zeros((0, 3)), "its answer has no numbers"),
        (None, "its answer holds NoneType, where numbers are expected"),
        ("ok", "its answer holds str, where numbers are expected"),
        (True, "its answer holds bool, where numbers are expected"),
        ({"action": 1.0}, "its answer holds dict, where numbers are expected"),
        ([1.0, 2j], "its answer holds complex, where numbers are expected"),
        (10**400, "its answer failed: OverflowError: int too large to convert to float"),
        (np.zeros(MOST_NUMBERS + 1), "its answer has more than 1,000,000 numbers"),
        (count(), "its answer has more than 1,000,000 numbers"),
        (repeat([]), "its answer has more than 1,000,000 numbers"),
    ],
)
def test_anything_else_is_none(file: Path, answer: object, reason: str) -> None:
    assert examined(Model(file, DIGEST, lambda: answer)) == Health(healthy=False, reason=reason)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("bad weights"), "ValueError: bad weights"),
        (FileNotFoundError(2, "No such file", "other.onnx"), "FileNotFoundError: [Errno 2]"),
        (SystemExit(3), "SystemExit: 3"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)  # fmt: skip
def test_a_model_that_does_not_load_says_why(file: Path, error: BaseException, told: str) -> None:
    health = examined(Model(file, DIGEST, fails(error)))
    assert not health.healthy
    assert health.reason.startswith(f"its answer failed: {told}")


def test_a_file_that_is_not_the_pinned_one_is_not_loaded(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.write(b"exchanged")
    found = sha256(file.read_bytes()).hexdigest()
    assert examined(Model(file, DIGEST, fails(AssertionError()))) == Health(
        healthy=False,
        reason=f"{file} has SHA-256 {found[:12]}…, and {DIGEST[:12]}… is pinned",
    )


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", MOST_BYTES + 1)
    reasons = {
        place: examined(Model(tmp_path / place, DIGEST, lambda: 1)).reason
        for place in ("", "pipe", "large", "missing")
    }
    assert reasons[""] == f"{tmp_path} is no file"
    assert reasons["pipe"] == f"{tmp_path / 'pipe'} is no file", "and nobody waits for it"
    assert reasons["large"] == f"{tmp_path / 'large'} has more than 2,147,483,648 bytes"
    assert reasons["missing"].startswith("its file cannot be read: FileNotFoundError")


def test_a_number_is_no_file_and_closes_none_of_the_bot(tmp_path: Path) -> None:
    with (tmp_path / "own").open("wb") as own:
        model = Model(own.fileno(), DIGEST, lambda: 1)  # type: ignore[arg-type]
        assert examined(model).reason.startswith("its file cannot be read: TypeError")
        own.write(b"still open")


@settings(deadline=None)
@given(anything, anything, anything)
def test_whatever_a_bot_names_there_is_a_verdict(
    file: object, digest: object, answer: object
) -> None:
    for what in (answer, lambda: answer):
        health = examined(Model(file, digest, what))  # type: ignore[arg-type]
        assert not health.healthy
        assert health.reason.isprintable() or health.reason


@settings(deadline=None)
@given(st.recursive(st.floats() | st.integers(-9, 9), st.lists))
def test_an_answer_is_right_exactly_if_all_its_numbers_are_finite(answer: object) -> None:
    def numbers(one: object) -> list[float]:
        if isinstance(one, list):
            return [number for inner in one for number in numbers(inner)]
        assert isinstance(one, int | float)
        return [one]

    every = numbers(answer)
    assert (fault_of(answer) == "") == bool(every and np.isfinite(every).all())
