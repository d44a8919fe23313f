"""How a picture is made of what a desk measures, judges and has done.

Comes in: the desk between two steps. Goes out: every sample of every family. What is undefined has
no sample, nor has an arm that is retired or deposed; labels are names that the desk knows itself,
registered policies and guards of its checklist, never a text that somebody reports; but for the
names of GPUs, of which only so many are shown, and only short and plain ones.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import isfinite
from typing import NamedTuple

from tiltyard import __version__
from tiltyard.checklist.guard import Checklist
from tiltyard.checklist.guard_state import state_of
from tiltyard.checklist.on_duty import Examined
from tiltyard.facts.arm import GONE, Arm, Roster
from tiltyard.kernel.clock import FUTURE
from tiltyard.kernel.money import UNITS
from tiltyard.kernel.undefined import Value
from tiltyard.metrics import METRICS_VERSION
from tiltyard.metrics.catalogue import BESIDE_DRIFT, DRIFT, GAUGES, SHADOW, TRADE_METRICS
from tiltyard.metrics.measured import Measured
from tiltyard.router.realised import Realised
from tiltyard.shell.desk import Desk
from tiltyard.shell.exporter.counted import NIGHTLY, TASKS, Counted
from tiltyard.shell.exporter.families import FAMILIES
from tiltyard.shell.exporter.picture import Picture, Sample
from tiltyard.shell.exporter.series import PREFIX, SERIES, Series, series_of
from tiltyard.shell.gpu.readings import GpuReading

MOST_GPUS = 64
_GPU_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,40}")
_TAKEN = frozenset({"halted", "throttled"})
_HOLDS: Mapping[str, Callable[[Roster], object]] = {
    "stop_entries": lambda roster: roster.entries_stopped_by,
    "freeze_challengers": lambda roster: roster.challengers_frozen_by,
    "freeze_ramp": lambda roster: roster.ramp_frozen_by,
}


class _Shown(NamedTuple):
    metric: str
    series: Series
    labels: tuple[str, ...]


def _shown(metric: str) -> _Shown:
    series = series_of(metric)
    return _Shown(metric, series, tuple(series.labels.values()))


_OF_ARMS = [_shown(metric) for metric, series in SERIES.items() if series.of_arms]
_ON_PAPER = [_shown(metric + SHADOW) for metric in TRADE_METRICS]
_OF_ACCOUNT = [_shown(metric) for metric, series in SERIES.items() if not series.of_arms]


def paint(
    desk: Desk,
    counted: Counted,
    realised: Realised,
    now: datetime,
    gpus: GpuReading | None = None,
    *,
    restarts: int | None = None,
    breathe: Callable[[], object] = lambda: None,
) -> Picture:
    """The desk as it stands.

    Args:
        desk: What it measures and judges with.
        counted: What it has done.
        realised: Where the episodes of the last day went.
        now: When it judged last, UTC.
        gpus: None where nobody reads them.
        restarts: How often the learner was restarted; None where the desk supervises none.
        breathe: Called now and then; whatever it raises ends this picture.
    """
    arms = [arm for arm in desk.roster.arms.values() if arm.state not in GONE]
    counted.note_measured(desk.panel, now)
    samples: dict[str, list[Sample]] = {name: [] for name in FAMILIES}
    for short, found in (
        *_of_itself(desk, counted, now),
        *_of_guards(desk, now, breathe),
        *_of_arms(desk, counted, arms, breathe),
        *_of_traffic(arms, realised),
        *_of_tasks(desk, counted, now),
        *_of_machines(gpus, restarts),
    ):
        samples[PREFIX + short].append(found)
    _measured(desk, arms, now, samples, breathe)
    return Picture({name: some for name, some in samples.items() if some}, counted.latency)


_Samples = Iterator[tuple[str, Sample]]


def _measured(
    desk: Desk,
    arms: Sequence[Arm],
    now: datetime,
    samples: Mapping[str, list[Sample]],
    breathe: Callable[[], object],
) -> None:
    """The metrics of the catalogue; most of a picture, and most of its cost."""
    read, lasting = desk.panel.read, _lasting(desk.checklist)
    for arm in arms:
        breathe()
        on_paper = desk.panel.arm(arm.name).shadow is not None
        for metric, series, labels in (*_OF_ARMS, *_ON_PAPER) if on_paper else _OF_ARMS:
            number = _known(read(metric, arm.name, now), lasting.get(metric), now)
            if number is not None:
                sample = (arm.name, arm.role, *labels), series.number(number)
                samples[series.family].append(sample)
    for metric, series, labels in _OF_ACCOUNT:
        number = _known(read(metric, "", now), lasting.get(metric), now)
        if number is not None:
            samples[series.family].append((labels, series.number(number)))


def _lasting(checklist: Checklist) -> Mapping[str, timedelta]:
    """How long gauges count, by the most patient guard that watches each; others for good.

    What is said beside a drift counts as long as that does.
    """
    seconds: dict[str, int] = {}
    for guard in checklist.guards:
        if guard.metric in GAUGES and guard.stale_after:
            seconds[guard.metric] = max(guard.stale_after, seconds.get(guard.metric, 0))
    lasting = {metric: timedelta(seconds=longest) for metric, longest in seconds.items()}
    if DRIFT in lasting:
        lasting |= dict.fromkeys(BESIDE_DRIFT - lasting.keys(), lasting[DRIFT])
    return lasting


def _known(measured: Measured, lasting: timedelta | None, now: datetime) -> float | None:
    """The number, unless it is undefined, none at all, or a gauge of another time."""
    reading = measured.reading
    if not isinstance(reading, Value) or not isfinite(reading.number):
        return None
    if lasting is None or measured.as_of is None:
        return reading.number
    return reading.number if -FUTURE <= now - measured.as_of <= lasting else None


def _of_itself(desk: Desk, counted: Counted, now: datetime) -> _Samples:
    yield "build_info", ((__version__, str(METRICS_VERSION), desk.checklist.digest), 1)
    yield "heartbeat_timestamp_seconds", ((), now.timestamp())
    yield "observing", ((), float(desk.observes))
    for cause_and_effect, count in sorted(counted.actions.items()):
        yield "actions_total", (cause_and_effect, count)
    for hold, causes in _HOLDS.items():
        yield "hold", ((hold,), float(bool(causes(desk.roster))))
    calls = desk.panel.api_calls
    if calls.newest is not None:
        yield "api_requests_total", ((), calls.calls)
        yield "api_errors_total", ((), calls.errors)


def _of_guards(desk: Desk, now: datetime, breathe: Callable[[], object]) -> _Samples:
    for one in desk.examine(now):
        breathe()
        state = state_of(
            one.verdict.answer, one.remembered, one.seen,
            is_in_force=_is_in_force(one, desk.roster), began_at=_began_at(one, desk.roster),
        )  # fmt: skip
        yield "guard_state", ((one.guard.name, one.policy, state), 1)


def _is_in_force(one: Examined, roster: Roster) -> bool:
    """Whether what a guard has done to its subject has not ended."""
    if one.policy and one.guard.scope == "arm":
        arm = roster.arms[one.policy]
        return arm.state in _TAKEN and arm.throttled_by == one.guard.name
    return one.guard.name in roster.holds()


def _began_at(one: Examined, roster: Roster) -> datetime | None:
    """When its subject began anew; the account never does."""
    return roster.arms[one.policy].trial_started_at if one.policy else None


def _of_arms(
    desk: Desk, counted: Counted, arms: Sequence[Arm], breathe: Callable[[], object]
) -> _Samples:
    marks = desk.panel.last_marks()
    waiting = Counter(review.policy for review in desk.roster.open_reviews())
    for arm in arms:
        breathe()
        name = arm.name
        yield "arm_state", ((name, arm.role, arm.state), 1)
        for book in ("live", "shadow"):
            yield "trades_total", ((name, book), counted.trades[name, book])
        yield "reviews_open", ((name,), waiting[name])
        if (heard := desk.panel.heard_from(name)) is not None:
            yield "bot_heartbeat_timestamp_seconds", ((name,), heard.timestamp())
        if (last := marks.get(name)) is None:
            continue
        yield "last_mark_timestamp_seconds", ((name,), last.mark.marked_at.timestamp())
        yield "open_positions", ((name,), last.left)
        if last.left == 0 or last.mark.exposure is not None:
            exposure = (last.mark.exposure or 0) / UNITS if last.left else 0
            yield "open_exposure", ((name,), exposure)


def _of_traffic(arms: Sequence[Arm], realised: Realised) -> _Samples:
    for arm in arms:
        yield "traffic_allocation_ratio", ((arm.name, arm.role), arm.share)
        if (ratio := realised.ratio(arm.name)) is not None:
            yield "traffic_realised_ratio", ((arm.name, arm.role), ratio)
    if (p_value := realised.p_value()) is not None:
        yield "share_mismatch_p_value", ((), p_value)


def _of_tasks(desk: Desk, counted: Counted, now: datetime) -> _Samples:
    """A night that fails is no night: it is tried again in the next step."""
    for task, at in counted.succeeded.items():
        yield "task_last_success_timestamp_seconds", ((task,), at.timestamp())
    if NIGHTLY in counted.succeeded:
        yield "task_last_run_failed", ((NIGHTLY,), 0)
    for task, gauge in TASKS.items():
        reading = desk.panel.read(gauge, "", now).reading
        if isinstance(reading, Value):
            yield "task_last_run_failed", ((task,), float(reading.number != 1))


def _of_machines(gpus: GpuReading | None, restarts: int | None) -> _Samples:
    if restarts is not None:
        yield "learner_restarts_total", ((), restarts)
    if gpus is None:
        return
    yield "gpu_available", ((), float(gpus.available))
    plain = [gpu for gpu in gpus.utilization if _GPU_NAME.fullmatch(gpu)]
    for gpu in plain[:MOST_GPUS] if gpus.available else ():
        yield "gpu_utilization_ratio", ((gpu,), gpus.utilization[gpu])
