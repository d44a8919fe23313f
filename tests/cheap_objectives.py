"""Objectives that cost nothing, for the machinery of studies."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from tiltyard.learners.study import Running


class OutOfMemoryError(RuntimeError):
    """As torch calls its own, of a GPU."""


LACKS = {
    "none": MemoryError("Unable to allocate 7.5 GiB"),
    "torch": RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 8 GiB"),
    "cuda": OutOfMemoryError("CUDA out of memory. Tried to allocate 8.00 GiB"),
}
"""What is raised where there is no memory left."""


class Hill:
    """Highest at x = 2, and higher for "b"; dies, raises or waits where its config says so."""

    space: Mapping[str, BaseDistribution] = {
        "x": FloatDistribution(-5.0, 5.0),
        "kind": CategoricalDistribution(["a", "b"]),
    }

    def __call__(self, running: Running) -> float:
        config = running.study.config
        if running.number in config.get("raises", ()):
            raise RuntimeError("no such hill")  # noqa: TRY003 the reason is looked for
        if (full := config.get("full")) and running.number == 1 and Path(full).exists():
            raise OSError(28, "No space left on device")
        if (held := config.get("lacks")) and running.number == 1 and Path(held).exists():
            raise LACKS[Path(held).read_text()]
        dies = config.get("dies", {}).get(str(running.number), 0)
        if dies and (deaths := len(list(Path(config["marks"]).glob(f"{running.number}-*")))) < dies:
            (Path(config["marks"]) / f"{running.number}-{deaths}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if (once := config.get("once")) and running.number == 1 and Path(once).exists():
            Path(once).write_text(str(os.getpid()))
            signal.pause()
        if "leaves" in config:
            _leave(running)
        if "says" in config and running.number not in config.get("quiet", ()):
            with Path(config["says"]).open("w") as said:
                said.write("here\n")
                said.flush()
                signal.pause()
        height = -((running.parameters["x"] - 2) ** 2) + (running.parameters["kind"] == "b")
        for step in range(1, 4):
            running.report(step, height * step)
        return float("nan") if running.number in config.get("nan", ()) else height


def _leave(running: Running) -> None:
    """Adds to what was begun, and makes another of what others have made."""
    begun, others = running.folder / "begun", running.study.folder / "encoders"
    begun.write_text(begun.read_text() + ", and by a node")
    (others / "two").write_text((others / "one").read_text())


hill = Hill()
