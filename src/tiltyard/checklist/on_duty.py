"""The guards on duty: which of them are asked about whom, and what they remember.

A champion has guards of its own, and so has the account; every other arm that trades, or
waits for its way back, has those of a challenger. What a guard remembers of one subject
lasts as long as the arm's trial; what it remembers of a gauge goes on.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from tiltyard.checklist.guard import Checklist, Guard
from tiltyard.checklist.judge import FRESH, Memory, judge
from tiltyard.checklist.patience import IMMEDIATE
from tiltyard.facts.arm import GONE, Arm
from tiltyard.facts.verdict import Scope, Verdict
from tiltyard.metrics.catalogue import DRAWDOWNS, GAUGES
from tiltyard.metrics.panel import Panel
from tiltyard.router.lifecycle import TRADING

_ADVISORY = frozenset({"review", "page", "refresh_encoder", "restart_learner"})


class Examined(NamedTuple):
    """What a guard says of a subject when it is only looked at.

    Attributes:
        guard: Which.
        policy: The arm; empty for the account.
        verdict: Its answer.
        remembered: What it remembers.
        seen: What it would remember after this.
    """

    guard: Guard
    policy: str
    verdict: Verdict
    remembered: Memory
    seen: Memory


class GuardsOnDuty:
    """Every guard of a checklist, and its memory of each subject.

    Args:
        checklist: Their declaration.
        panel: The measurements.
        account: What the account is called in verdicts.
        live: A drawdown of which nobody has said the capital is judged all the same.
        only_patient: Nothing is done about verdicts, so events are judged by those alone that
            count how long a breach lasts.

    Attributes:
        memories: What each guard remembers of each subject; the account's is empty.
    """

    def __init__(
        self,
        checklist: Checklist,
        panel: Panel,
        account: str,
        *,
        live: bool = False,
        only_patient: bool = False,
    ) -> None:
        self.memories: dict[tuple[str, str], Memory] = {}
        self._panel = panel
        self._account = account
        self._live = live
        self._by_name = {guard.name: guard for guard in checklist.guards}
        self._every: Mapping[Scope, list[Guard]] = {
            scope: [guard for guard in checklist.guards if guard.scope == scope]
            for scope in ("arm", "champion", "account")
        }
        self._asked: Mapping[Scope, list[Guard]] = {
            scope: [guard for guard in guards if guard.confirm != IMMEDIATE or not only_patient]
            for scope, guards in self._every.items()
        }

    def named(self, name: str) -> Guard:
        """The guard with this name; KeyError when there is none."""
        return self._by_name[name]

    def judge_arm(self, arm: Arm, now: datetime) -> list[Verdict]:
        """What an event of an arm is judged by; nothing of one that neither trades nor waits."""
        if arm.role != "champion" and arm.state not in TRADING and arm.state != "throttled":
            return []
        return self._judge(self._worth_asking(_scope_of(arm), arm.name), arm.name, arm.name, now)

    def judge_account(
        self, now: datetime, *, read_at: datetime | None = None, every: bool = False
    ) -> list[Verdict]:
        """What the account is judged by.

        Args:
            now: UTC.
            read_at: As of when numbers are read; None is now.
            every: Also by what nobody ever reported: before anybody grows it has to be known.
        """
        guards = self._every["account"] if every else self._worth_asking("account", "")
        return self._judge(guards, "", self._account, now, read_at=read_at)

    def look(self, arms: Iterable[Arm], now: datetime) -> list[Verdict]:
        """Every guard on every subject, most urgent first, halted arms too.

        Nobody remembers that they were asked.
        """
        verdicts = [examined.verdict for examined in self.examine(arms, now)]
        return sorted(verdicts, key=lambda verdict: self._by_name[verdict.guard].priority)

    def examine(self, arms: Iterable[Arm], now: datetime) -> Iterator[Examined]:
        """The same arm by arm and then the account, with what the guards remember."""
        for arm in arms:
            if arm.state not in GONE:
                yield from self._examine(self._every[_scope_of(arm)], arm.name, arm.name, now)
        yield from self._examine(self._every["account"], "", self._account, now)

    def restraints(self, verdicts: Iterable[Verdict]) -> list[tuple[Verdict, bool]]:
        """Those verdicts because of which a share may not grow; and whether unknown does it."""
        found = ((verdict, self._by_name[verdict.guard]) for verdict in verdicts)
        return [
            (verdict, guard.holds_ramp_when_unknown)
            for verdict, guard in found
            if guard.mode == "enforce" and guard.effect not in _ADVISORY
        ]

    def forget_trial(self, policy: str) -> None:
        """An arm has begun another trial: what is known of its gauges stays."""
        for name, subject in list(self.memories):
            guard = self._by_name.get(name)
            if subject == policy and (guard is None or guard.metric not in GAUGES):
                del self.memories[name, subject]

    def _worth_asking(self, scope: Scope, policy: str) -> list[Guard]:
        """A gauge that nobody ever reported cannot move.

        In a replay of trades that never name a capital, nor can a drawdown: their arms are on
        trial all the same. Those of a running desk are not, and lose their traffic.
        """
        return [
            guard
            for guard in self._asked[scope]
            if self._panel.knows(guard.metric, policy) or (self._live and guard.metric in DRAWDOWNS)
        ]

    def _examine(
        self, guards: Iterable[Guard], policy: str, subject: str, now: datetime
    ) -> Iterator[Examined]:
        for guard in guards:
            memory = self.memories.get((guard.name, policy), FRESH)
            verdict, seen = judge(guard, self._panel, policy, subject, memory, now)
            yield Examined(guard, policy, verdict, memory, seen)

    def _judge(
        self,
        guards: Iterable[Guard],
        policy: str,
        subject: str,
        now: datetime,
        *,
        read_at: datetime | None = None,
    ) -> list[Verdict]:
        verdicts = []
        for guard in guards:
            key = (guard.name, policy)
            memory = self.memories.get(key, FRESH)
            verdict, self.memories[key] = judge(
                guard, self._panel, policy, subject, memory, now, read_at=read_at
            )
            verdicts.append(verdict)
        return verdicts


def _scope_of(arm: Arm) -> Scope:
    return "champion" if arm.role == "champion" else "arm"
