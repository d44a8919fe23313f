"""An encoder as it serves: windows of bars in, embeddings out.

What :mod:`tiltyard.learners.timesnet` trained. It is in a snapshot of its own kind, and in that of
every policy that goes by it.

torch computes with one thread while a desk decides, so that a decision takes a few milliseconds of
one core, and with as many as before afterwards.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.timesnet_network import Network, TimesNetSettings, Weights, check_shapes

KIND = "timesnet"
AT_ONCE = 128
"""Windows of a batch where nothing is learnt."""


class Encoder:
    """A network that learns no more: windows in, embeddings out.

    A window gives the same embedding alone and in any batch, bit for bit on one machine: periods
    are frozen, and how much each counts is the window's own.
    """

    def __init__(self, network: Network) -> None:
        network.settle()
        self.settings, self._network = network.settings, network

    @classmethod
    def from_weights(cls, weights: Weights, settings: TimesNetSettings) -> "Encoder":
        """Of what a training gave.

        Raises:
            ValueError: They are of another network.
        """
        check_shapes(weights, settings)
        with torch.random.fork_rng(devices=[]):
            network = Network(settings)
        network.take(weights)
        return cls(network)

    @torch.inference_mode()
    def embed(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embeddings (n, embedding) of windows (n, length, channels).

        One that would be alone has company of itself: small networks round it otherwise.
        """
        network, out = self._network, np.empty((len(windows), self.settings.embedding), np.float32)
        for at in range(0, len(windows), AT_ONCE):
            some = torch.from_numpy(np.ascontiguousarray(windows[at : at + AT_ONCE], np.float32))
            several = some.repeat(2, 1, 1) if len(some) == 1 else some
            h = network.body(network.first(network.normal(several)[0]))
            out[at : at + AT_ONCE] = network.embedded(h)[: len(some)].numpy()
        return out

    def embed_sparing(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same, by one thread."""
        with one_thread():
            return self.embed(windows)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread meanwhile, and with as many as before afterwards."""
    before = torch.get_num_threads()
    if before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def settings_from(snapshot: Snapshot) -> TimesNetSettings:
    """By which the encoder in a snapshot was trained."""
    return TimesNetSettings(**snapshot.settings["encoder"])


def encoder_from(snapshot: Snapshot) -> Encoder:
    """The encoder in a snapshot, whether it is one or a head has it."""
    weights = snapshot.weights if snapshot.kind == KIND else snapshot.part("encoder")
    return Encoder.from_weights(weights, settings_from(snapshot))
