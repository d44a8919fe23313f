"""TimesNet: what a window of bars looks like, as a few numbers.

In come windows of standardised channels, out comes an *embedding* of each, which a head goes by
and by which drift is measured. The network learns without labels: steps of a window are hidden
from it, and it has to say what stood there. It can forecast, too, which is how it is checked
against what was published. What is settled here, after 1 to 7 of the network:

8.  Frequencies are fitted on the windows that are learnt from, at the start of each epoch, and
    saved with the weights: they are frozen with the epoch that is kept. A forecaster learns by
    those of each batch, as published, and they are fitted at the end of the epoch, before it is
    judged: what its first block sees is itself learnt, and at the start is no time at all.
9.  Hidden steps are a fixed share, drawn anew in each epoch, and the loss is of them alone (He
    et al., Masked Autoencoders, CVPR 2022).
10. Adam (Kingma and Ba, ICLR 2015) with a rate that falls by a cosine, or is halved each epoch;
    the best epoch on the last tenth of time, a window's length later, is kept.
11. What is drawn at random is drawn by (seed, epoch) alone, so an epoch can be begun anew. Time is
    looked at after each batch: an epoch that is broken off is kept with how far it came and what
    is drawn next, and gone on with. Where it is the first, what it has learnt is what there is.
12. Weights may be averaged as they go, and the mean be what is judged and kept (Polyak and
    Juditsky, SIAM Journal on Control and Optimization 30, 1992): a high rate without its noise.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from math import ceil, cos, inf, isfinite, pi
from time import monotonic
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.encoder import AT_ONCE, KIND
from tiltyard.learners.job import Checkpoint, Job, Step, job_key
from tiltyard.learners.timesnet_network import Array, Network, TimesNetSettings, Weights
from tiltyard.learners.windows import Windows

__all__ = ["Fitted", "TimesNetSettings", "train"]

CODE = 1
"""To be raised where the same data, settings and seed give other weights: work is begun anew."""
VALID_SHARE, FITTED_ON, TOLD_EVERY = 0.1, 512, 0.2
Json = Mapping[str, Any]


class Fitted(NamedTuple):
    """What a training gives.

    Attributes:
        weights: Of the best epoch, frequencies among them.
        history: ``train`` and ``valid`` losses by epoch, ``best_epoch`` from 1, ``partial`` when
            its time was spent, ``learnt_from`` and ``judged_on`` windows: ``learnt_from`` is not
            all of them where time was up within the first epoch, whose losses so far are told.
            Where it went on from weights, ``before`` is their loss, and ``best_epoch`` is 0 where
            no epoch was better.
    """

    weights: Weights
    history: Json


def train(
    settings: TimesNetSettings, windows: Windows, *, seed: int, job: Job,
    valid: Windows | None = None, weights: Weights | None = None, stage: str = "encoder",
) -> Fitted:  # fmt: skip
    """Learn what windows look like.

    Args:
        settings: What is built, and how.
        windows: What is learnt from.
        seed: Of all that is drawn.
        job: Who is told, and where unfinished work is kept.
        valid: What the best epoch is chosen by; the last tenth of ``windows`` if not given.
        weights: Where to go on from, frequencies kept; from nothing if not given.
        stage: What it is called.

    Raises:
        TiltyardError: ``DATA_INSUFFICIENT``, ``TRAINING_DIVERGED``, ``CHECKPOINT_UNWRITABLE``.
    """
    learn, judged = _split(settings, windows, valid, stage)
    given = [part for pair in sorted((weights or {}).items()) for part in pair]
    place = (job.device, torch.get_num_threads(), torch.__version__)
    key = job_key(KIND, CODE, asdict(settings), seed, place, learn, judged, *given)
    run = _Run(settings, learn, judged, seed, job, weights, stage)
    if (checkpoint := job.kept(key)) is not None:
        run.resume(checkpoint)
    while run.done < settings.epochs and not (run.has_learnt and job.is_over()):
        run.go_on()
        job.keep(key, run.checkpoint())
    run.settle()
    return Fitted(run.best, run.history())


class _Run:
    """A training between two batches.

    ``seen``, ``total`` and ``draws`` are of the epoch that it is in: windows, the sum of their
    losses, and what is drawn next.
    """

    def __init__(
        self, settings: TimesNetSettings, learn: Array, judged: Array,
        seed: int, job: Job, weights: Weights | None, stage: str,
    ) -> None:  # fmt: skip
        self.settings, self.learn, self.judged = settings, learn, judged
        self.seed, self.job, self.stage, self.fits = seed, job, stage, weights is None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = Network(settings)
        if weights is not None:
            self.network.take(weights)
        self.network.to(job.device)
        self.named = dict(self.network.named_parameters())
        self.optimiser = torch.optim.Adam(self.named.values(), fused=True)
        self.losses: dict[str, list[float]] = {"train": [], "valid": []}
        self.best = self.network.weights()
        self.seen, self.total, self.draws = 0, torch.zeros((), device=job.device), self._draws(1)
        self.learnt_from = len(learn)
        self.told_at = -TOLD_EVERY
        self.before = None if weights is None else self._finite(self._judge())

    @property
    def done(self) -> int:
        return len(self.losses["valid"])

    @property
    def has_learnt(self) -> bool:
        """Whether it has learnt from a batch."""
        return bool(self.done or self.seen)

    @property
    def best_epoch(self) -> int:
        """From 1; 0 where none was better than what was there before."""
        ahead = [inf if self.before is None else self.before, *self.losses["valid"]]
        return int(np.argmin(ahead))

    def go_on(self) -> None:
        """To the end of the epoch, or until time is up."""
        settings, network, count = self.settings, self.network, len(self.learn)
        by_batch = self.fits and settings.horizon > 0
        draws = self._draws(self.done + 1)
        order = torch.randperm(count, generator=draws).numpy()
        if self.seen:
            draws.set_state(self.draws.get_state())
        else:
            self.total = torch.zeros((), device=self.job.device)
            if self.fits and not by_batch:
                self._fit()
        self.draws = draws
        self.optimiser.param_groups[0]["lr"] = self._rate()
        for at in range(self.seen, count, settings.batch):
            if self.seen and self.job.is_over():
                return
            chosen = order[at : at + settings.batch]
            hidden, keep = self._hidden(len(chosen), draws), None
            if settings.dropout:
                shape = (len(chosen), settings.length, settings.d_model)
                kept = torch.rand(shape, generator=draws) >= settings.dropout
                keep = (kept / (1 - settings.dropout)).to(self.job.device)
            there = self._there(self.learn[chosen])
            loss = _loss(network.errors(there, hidden, keep, fit=by_batch))
            self.optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call] # torch has not typed it
            self.optimiser.step()
            self._average()
            self.total += loss.detach() * len(chosen)
            self.seen = at + len(chosen)
            self._tell(self.seen, self.total)
        self._end_epoch()

    def settle(self) -> None:
        """Take what there is, where time was up before the first epoch had ended."""
        if self.seen and not self.done:
            self.learnt_from = self.seen
            self._end_epoch()

    def _end_epoch(self) -> None:
        self.losses["train"].append(self._finite(float(self.total) / self.seen))
        self.seen = 0
        with self._averaged():
            if self.fits and self.settings.horizon > 0:
                self._fit()
            self.losses["valid"].append(self._finite(self._judge()))
            if self.best_epoch == self.done:
                self.best = self.network.weights()

    @torch.no_grad()
    def _average(self) -> None:
        """See 12; the means lie beside Adam's moments, and are kept with them."""
        if self.settings.averaged:
            for one in self.named.values():
                mean = self.optimiser.state[one].setdefault("mean", one.detach().clone())
                mean.lerp_(one, 1 - self.settings.averaged)

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """The means of weights in their place, if there are any, and the weights back again."""

        def swap() -> None:
            for one in self.named.values():
                state = self.optimiser.state[one]
                if "mean" in state:
                    one.data, state["mean"] = state["mean"], one.data

        swap()
        yield
        swap()

    @torch.no_grad()
    def _fit(self) -> None:
        sample = np.linspace(0, len(self.learn) - 1, min(FITTED_ON, len(self.learn))).astype(int)
        normal = self.network.normal(self._there(self.learn[sample]))[0]
        self.network.body(self.network.first(normal), fit=True)

    @torch.no_grad()
    def _judge(self) -> float:
        """The loss on windows that are not learnt from, the same steps hidden in each epoch."""
        draws, total = self._draws(0), 0.0
        for at in range(0, len(self.judged), AT_ONCE):
            some = self.judged[at : at + AT_ONCE]
            errors = self.network.errors(self._there(some), self._hidden(len(some), draws))
            total += float(_loss(errors)) * len(some)
        return total / len(self.judged)

    def _draws(self, epoch: int) -> torch.Generator:
        mixed = np.random.SeedSequence((self.seed, epoch)).generate_state(1)[0]
        return torch.Generator().manual_seed(int(mixed))

    def _hidden(self, count: int, draws: torch.Generator) -> Tensor | None:
        if not self.settings.hidden:
            return None
        ranks = torch.rand((count, self.settings.length), generator=draws).argsort(1).argsort(1)
        return (ranks < self.settings.hidden).to(self.job.device)

    def _rate(self) -> float:
        rate, epochs, halved_from = (
            self.settings.rate, self.settings.epochs, self.settings.halved_from
        )  # fmt: skip
        if halved_from:
            return rate * 0.5 ** max(0, self.done + 2 - halved_from)
        return rate * (1 + cos(pi * self.done / epochs)) / 2

    def _finite(self, loss: float) -> float:
        if isfinite(loss):
            return loss
        raise TiltyardError(
            "TRAINING_DIVERGED", self.stage, f"the loss is no number in epoch {self.done + 1}",
            "lower the rate, or look for values far from all others",
        )  # fmt: skip

    def _tell(self, seen: int, total: Tensor) -> None:
        every, now = len(self.learn), monotonic()
        if now - self.told_at < TOLD_EVERY and seen < every:
            return
        self.told_at = now
        numbers = {"loss": self._finite(float(total) / seen), "epoch": float(self.done + 1)}
        if self.done:
            numbers["valid"] = self.losses["valid"][-1]
        of = self.settings.epochs * every
        self.job.tell(Step(self.stage, self.done * every + seen, of, numbers))

    def _there(self, some: Array) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(some)).to(self.job.device)

    def checkpoint(self) -> Checkpoint:
        tensors = {f"now.{name}": one for name, one in self.network.weights().items()}
        tensors |= {f"best.{name}": one for name, one in self.best.items()}
        for name, one in self.named.items():
            for moment, value in self.optimiser.state.get(one, {}).items():
                tensors[f"{moment}.{name}"] = value.cpu().numpy()
        if self.seen:
            tensors["epoch.total"] = self.total.cpu().numpy()
            tensors["epoch.draws"] = self.draws.get_state().numpy()
        return Checkpoint(tensors, {"losses": self.losses, "seen": self.seen})

    def resume(self, checkpoint: Checkpoint) -> None:
        parts: dict[str, dict[str, Array]] = {}
        for name, one in checkpoint.tensors.items():
            part, _, rest = name.partition(".")
            parts.setdefault(part, {})[rest] = one
        self.network.take(parts.pop("now"))
        self.best = parts.pop("best")
        if epoch := parts.pop("epoch", None):
            self.total = self._there(epoch["total"])
            self.draws.set_state(torch.from_numpy(epoch["draws"]))
        for moment, of in parts.items():
            for name, value in of.items():
                self.optimiser.state[self.named[name]][moment] = self._there(value)
        self.losses = {name: list(one) for name, one in checkpoint.told["losses"].items()}
        self.seen = int(checkpoint.told.get("seen", 0))  # those of before were of whole epochs

    def history(self) -> Json:
        partial = self.done < self.settings.epochs or self.learnt_from < len(self.learn)
        before = {} if self.before is None else {"before": self.before}
        counts = {"learnt_from": self.learnt_from, "judged_on": len(self.judged)}
        return {
            **self.losses,
            "best_epoch": self.best_epoch,
            "partial": partial,
            **counts,
            **before,
        }


def _loss(errors: Sequence[Tensor]) -> Tensor:
    return torch.stack([one.square().mean() for one in errors]).sum()


def _split(
    settings: TimesNetSettings, windows: Windows, valid: Windows | None, stage: str
) -> tuple[Array, Array]:
    """What is learnt from, and what the best epoch is chosen by; see 8."""
    if valid is not None:
        learn, judged = windows.data, valid.data
    else:
        if not len(windows.as_of):
            raise TiltyardError(
                "DATA_INSUFFICIENT", stage,
                f"no window of {settings.length} bars in a row is whole",
                "mend the holes in the bars, or take a longer range",
            )  # fmt: skip
        times = np.unique(windows.as_of)
        cut = len(times) - ceil(VALID_SHARE * len(times))
        learn = windows.data[windows.as_of < times[max(0, cut - settings.steps)]]
        judged = windows.data[windows.as_of >= times[cut]]
    broken = sum(int((~np.isfinite(some)).any((1, 2)).sum()) for some in (learn, judged))
    if broken:
        facts = f"{broken:,} windows hold what is no number"
        raise TiltyardError("DATA_INSUFFICIENT", stage, facts, "leave them out, or mend the data")
    if len(learn) < settings.batch or not len(judged):
        raise TiltyardError(
            "DATA_INSUFFICIENT", stage, f"{len(windows.data):,} windows leave {len(learn):,} to "
            f"learn from and {len(judged):,} to judge by, expected {settings.batch:,} and 1",
            "take a longer range",
        )  # fmt: skip
    return learn, judged
