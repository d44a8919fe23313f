"""Errors that go from one process to another say there what they said here."""

import pickle

import pytest

from tiltyard.kernel.errors import Fault, Faults, TiltyardError


@pytest.mark.parametrize(
    "error",
    [
        TiltyardError("POLICY_UNKNOWN", "eee02a74", "no policy ends so", "policy list"),
        Faults("CLUSTER_DIFFERS", "there", [Fault("10.0.0.6", "other")], total=2, remedy="same"),
    ],
)
def test_an_error_is_whole_after_it_was_pickled(error: TiltyardError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 our own
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)
