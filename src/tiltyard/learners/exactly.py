"""The same bits wherever it is computed, as far as torch can say."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def exactly() -> Iterator[None]:
    """Torch computes with one thread, and always in the same order, meanwhile."""
    threads, exact = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)  # noqa: FBT003 torch's own
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(exact)
