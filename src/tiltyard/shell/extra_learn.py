"""The extra ``learn``: whoever trains, or serves what was trained, installs it, and nobody else."""

from importlib.util import find_spec

from tiltyard.kernel.errors import TiltyardError

PACKAGES = ("torch", "safetensors", "optuna")


def require_learn() -> None:
    """Find out before any work whether what trains is installed.

    Raises:
        TiltyardError: ``EXTRA_MISSING``.
    """
    if missing := _missing():
        raise _error(missing, "training")


def extra_missing(error: ModuleNotFoundError) -> TiltyardError:
    """What is said where a trained policy is met and what it needs cannot be imported.

    Args:
        error: The first thing that was missing; all that is missing is said.
    """
    return _error(_missing() or [str(error.name)], "a trained policy")


def _missing() -> list[str]:
    return [name for name in PACKAGES if find_spec(name) is None]


def _error(missing: list[str], who: str) -> TiltyardError:
    *others, last = missing
    names = f"{', '.join(others)} and {last} are" if others else f"{last} is"
    return TiltyardError(
        "EXTRA_MISSING", "learn", f"{names} not installed, and {who} needs this extra",
        "pip install 'tiltyard[learn]'",
    )  # fmt: skip
