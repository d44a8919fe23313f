"""A guard: what it watches, when it trips, what follows, and how that ends."""

from dataclasses import dataclass
from typing import Literal, get_args

from tiltyard.checklist.comparison import Comparison
from tiltyard.checklist.patience import IMMEDIATE, Patience
from tiltyard.facts.verdict import Mode, Scope

Effect = Literal[
    "halt",
    "throttle",
    "stop_entries",
    "freeze_challengers",
    "freeze_ramp",
    "refresh_encoder",
    "restart_learner",
    "propose_rollback",
    "review",
    "page",
]
OnUnknown = Literal["report", "page", "freeze_ramp", "freeze_ramp_then_throttle"]
Severity = Literal["critical", "warning", "info"]

EFFECTS: tuple[str, ...] = get_args(Effect)
ON_UNKNOWN: tuple[str, ...] = get_args(OnUnknown)
TAKES_TRAFFIC = frozenset({"halt", "throttle", "freeze_challengers"})
NEEDS_AN_END = frozenset({*TAKES_TRAFFIC, "stop_entries", "freeze_ramp"})
ENDED_BY_A_PERSON = frozenset({"halt", "stop_entries", "freeze_challengers"})
NEEDS_A_CHALLENGER = frozenset({"halt", "throttle"})
UNKNOWN_PATIENCE_SECONDS = 15 * 60


@dataclass(frozen=True, slots=True)
class WayBack:
    """When an effect ends by itself.

    Attributes:
        when: The level beyond the trip level that ends it.
        metric: What is compared; the guard's own metric when empty.
        trades: Further trades wanted since it tripped.
        at_most: How often it may end by itself …
        within_seconds: … in this span; after that a person decides. 0 is no limit.
    """

    when: Comparison
    metric: str = ""
    trades: int = 0
    at_most: int = 0
    within_seconds: int = 0

    def __str__(self) -> str:
        return f"{self.metric} {self.when}".lstrip()


@dataclass(frozen=True, slots=True)
class Guard:
    """One line of the checklist.

    Attributes:
        name: Snake case; its upper-case form is the code in logs and messages.
        scope: ``arm`` (each challenger), ``champion`` or ``account``.
        metric: What is watched.
        when: The breach.
        effect: What follows a confirmed breach.
        priority: Lower is planned first; unique among effects that conflict.
        severity: ``critical`` pages a person.
        alert: Name of the Prometheus alert.
        expected: The band in which the value is expected, for people; ends may be None.
        min_samples: Fewer trades or calls than this are not judged.
        stale_after: Seconds after which an observed value is too old; 0 is never.
        confirm: How long a breach must last, or how much must speak for it.
        only_if: A second metric and comparison that must hold too.
        on_unknown: What follows when the value is not known.
        clear: The way back; None when only a person ends the effect (``latch``).
        cool_down: Seconds before the effect may end by itself.
        mode: ``enforce`` acts, ``observe`` only records.
    """

    name: str
    scope: Scope
    metric: str
    when: Comparison
    effect: Effect
    priority: int
    severity: Severity = "warning"
    alert: str = ""
    expected: tuple[float | None, float | None] = (None, None)
    min_samples: int = 1
    stale_after: int = 0
    confirm: Patience = IMMEDIATE
    only_if: tuple[str, Comparison] | None = None
    on_unknown: OnUnknown = "report"
    clear: WayBack | None = None
    cool_down: int = 0
    mode: Mode = "enforce"

    @property
    def code(self) -> str:
        """The stable code in messages: the name in upper case."""
        return self.name.upper()

    @property
    def hard(self) -> bool:
        """Whether an unknown value may end in taking traffic away."""
        return self.on_unknown == "freeze_ramp_then_throttle"

    @property
    def holds_ramp_when_unknown(self) -> bool:
        """Whether no share grows while the value is unknown."""
        return self.on_unknown in ("freeze_ramp", "freeze_ramp_then_throttle")

    @property
    def patience_when_lost(self) -> int | None:
        """Seconds after which something follows from a lost value; None when nothing does."""
        if self.on_unknown == "page":
            return 0
        return UNKNOWN_PATIENCE_SECONDS if self.hard else None

    def band(self) -> str:
        """The expected band as people read it.

        >>> from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
        >>> DEFAULT_CHECKLIST.guard("challenger_profit_factor_low").band()
        '2.1 – 2.8'
        """
        low, high = self.expected
        if low is None:
            return "" if high is None else f"< {high:g}"
        return f"> {low:g}" if high is None else f"{low:g} – {high:g}"


@dataclass(frozen=True, slots=True)
class Checklist:
    """All guards, most urgent first, and the hash that verdicts name.

    Attributes:
        guards: In order of priority.
        digest: SHA-256 of the canonical declaration.
    """

    guards: tuple[Guard, ...]
    digest: str

    @property
    def floors(self) -> tuple[float, ...]:
        """The profit factors against which guards want evidence, each once."""
        return tuple(sorted({guard.when.number for guard in self.guards if guard.confirm.trades}))

    def guard(self, name: str) -> Guard:
        """The guard of that name; it must exist."""
        return next(guard for guard in self.guards if guard.name == name)

    def watching(self, metric: str, scope: Scope | None = None) -> Guard | None:
        """The most urgent guard on a metric, for showing its band and flag."""
        for guard in self.guards:
            if guard.metric == metric and scope in (None, guard.scope):
                return guard
        return None
