"""The machine that a training runs on: the device, and how many threads."""

import os

from tiltyard.kernel.errors import TiltyardError


def processors() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def settle(device: str, threads: int) -> str:
    """Set how torch calculates, for this process: the same each time.

    Args:
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: 0 for as many as there are processors.

    Returns:
        The device that it calculates on.

    Raises:
        TiltyardError: ``DEVICE_MISSING``.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # else cuBLAS adds as it likes
    import torch  # noqa: PLC0415 slow

    has_cuda = torch.cuda.is_available()
    if device == "cuda" and not has_cuda:
        raise TiltyardError(
            "DEVICE_MISSING", device, "torch finds no CUDA device here",
            "train with --device cpu, or install a torch that is built for it",
        )  # fmt: skip
    torch.set_num_threads(threads or processors())
    torch.use_deterministic_algorithms(True)  # noqa: FBT003 as torch wants it
    return "cuda" if has_cuda and device != "cpu" else "cpu"
