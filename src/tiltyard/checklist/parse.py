"""From the declaration in ``tiltyard.toml`` to guards, or to every fault in it at once.

Comes in: the ``[[guard]]`` tables of a parsed TOML file, and the defaults that a table
of the same name amends. Goes out: a :class:`~tiltyard.checklist.guard.Checklist`. A
declaration that could hurt is refused before it is used: an effect that never ends, a
clear level that is not beyond the trip level, two effects of one priority that
conflict.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from tiltyard.checklist.alert_names import fault_of_name, named_twice
from tiltyard.checklist.comparison import Comparison
from tiltyard.checklist.guard import (
    EFFECTS,
    ENDED_BY_A_PERSON,
    NEEDS_A_CHALLENGER,
    NEEDS_AN_END,
    ON_UNKNOWN,
    Checklist,
    Guard,
    Severity,
    WayBack,
)
from tiltyard.checklist.patience import Patience, seconds
from tiltyard.facts.action import CAUSES, PERSONS_HOLDS
from tiltyard.facts.verdict import Mode, Scope
from tiltyard.kernel.errors import Fault, Faults, TiltyardError
from tiltyard.kernel.registry import did_you_mean
from tiltyard.metrics.catalogue import METRICS, spec_of

Table = Mapping[str, Any]

REQUIRED = ("name", "scope", "metric", "when", "effect", "priority")
_WAY_BACK = ("when", "metric", "trades", "at_most", "within")
_SECOND = ("<=", ">=", "==", "<", ">")
_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_WEIGHED = ("pf_challenger_30", "profit_factor", "pf_150")


def parse_checklist(tables: Sequence[Table], defaults: Sequence[Table], file: str) -> Checklist:
    """Read a checklist.

    Args:
        tables: The ``[[guard]]`` tables of ``file``, in order.
        defaults: Tables that a table of the same name amends field by field.
        file: Its name, for messages.

    Raises:
        Faults: ``CHECKLIST_INVALID`` with every fault, each with its path.
    """
    faults: list[Fault] = []
    merged = _merge(tables, defaults, faults)
    built_in = [table["name"] for table in defaults]
    guards = [
        guard
        for path, table in merged
        if (guard := _Reader(table, path, faults, built_in).guard()) is not None
    ]
    _refuse_conflicts(guards, merged, faults)
    if faults:
        raise Faults("CHECKLIST_INVALID", file, faults)
    body = json.dumps([table for _, table in merged], sort_keys=True, separators=(",", ":"))
    guards.sort(key=lambda guard: guard.priority)
    return Checklist(tuple(guards), hashlib.sha256(body.encode()).hexdigest())


def _merge(
    tables: Sequence[Table], defaults: Sequence[Table], faults: list[Fault]
) -> list[tuple[str, Table]]:
    merged = {table["name"]: ("built-in", table) for table in defaults}
    mine: set[str] = set()
    for index, table in enumerate(tables):
        path = f"$.guard[{index}]"
        if not isinstance(table, Mapping):
            faults.append(Fault(path, "expected a table: [[guard]]"))
            continue
        name = table.get("name")
        base: Table = {}
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            faults.append(Fault(f"{path}.name", "expected a snake_case name"))
            name = path  # so that its other faults are found too
        else:
            base = merged[name][1] if name in merged else {}
            if name in mine:
                faults.append(Fault(f"{path}.name", f"guard {name!r} is declared twice"))
                name = path
        mine.add(name)
        merged[name] = (path, {**_amended(base, table), "name": name})
    return list(merged.values())


def _amended(base: Table, table: Table) -> Table:
    """``table`` over ``base``, field by field, those of the way back too.

    ``latch = true`` takes the way back away, and a way back takes the latch away. A guard
    that is given another metric and another way back compares its own, not the old one's.
    """
    mine = table.get("clear")
    if table.get("latch") is True:
        base = {key: value for key, value in base.items() if key != "clear"}
    if "clear" in table:
        base = {key: value for key, value in base.items() if key != "latch"}
    if isinstance(mine, Mapping) and isinstance(kept := base.get("clear"), Mapping):
        if table.get("metric", base.get("metric")) != base.get("metric"):
            kept = {key: value for key, value in kept.items() if key != "metric"}
        table = {**table, "clear": {**kept, **mine}}
    return {**base, **table}


class _Reader:
    """Reads one table; faults go to a shared list, so that all are found."""

    def __init__(
        self, table: Table, path: str, faults: list[Fault], built_in: Sequence[str]
    ) -> None:
        self.table = table
        self.path = path
        self.faults = faults
        self.built_in = built_in
        self.before = len(faults)

    def guard(self) -> Guard | None:
        self._refuse_unknown_fields()
        self._refuse_lacking()
        fields: dict[str, Any] = {
            key: reader(self, key) for key, reader in FIELDS.items() if key in self.table
        }
        fields.pop("latch", None)
        if len(self.faults) > self.before:
            return None
        guard = Guard(**fields)
        self._refuse_danger(guard)
        return guard if len(self.faults) == self.before else None

    def word(self, key: str, known: Sequence[str]) -> str:
        value = self.table[key]
        if value in known:
            return str(value)
        hint = did_you_mean(value, known) if isinstance(value, str) else ""
        self._fault(key, f"unknown {key} {value!r}, {hint or 'expected ' + ', '.join(known)}")
        return known[0]

    def text(self, key: str) -> str:
        value = self.table[key]
        if not isinstance(value, str) or not value:
            self._fault(key, "expected text")
            return ""
        return value

    def alert(self, key: str) -> str:
        name = self.text(key)
        if name and (fault := fault_of_name(name)):
            self._fault(key, fault)
        return name

    def whole(self, key: str, *, least: int) -> int:
        return self._whole(self.table[key], key, least)

    def via(self, key: str, read: Callable[[str], Any]) -> Any:  # noqa: ANN401 what `read` gives
        return self._via(self.table[key], key, read)

    def metric(self, key: str) -> str:
        return str(self._via(self.table[key], key, _metric))

    def flag(self, key: str) -> bool:
        value = self.table[key]
        if not isinstance(value, bool):
            self._fault(key, "expected true or false")
        return bool(value)

    def band(self, key: str) -> tuple[float | None, float | None]:
        value = self.table[key]
        numbers = isinstance(value, list | tuple) and all(
            isinstance(end, int | float) and not isinstance(end, bool) for end in value
        )
        if not numbers or len(value) != 2 or not value[0] < value[1]:  # noqa: PLR2004 two ends
            self._fault(key, "expected two rising numbers such as [2.1, 2.8]")
            return (None, None)
        return (float(value[0]), float(value[1]))

    def second(self, key: str) -> tuple[str, Comparison] | None:
        text = self.text(key)
        if not text:
            return None
        sign = next((sign for sign in _SECOND if sign in text), "")
        if not sign:
            self._fault(key, 'expected a metric and a comparison such as "learner_progress <= 0"')
            return None
        name, _, rest = text.partition(sign)
        metric = self._via(name.strip(), key, _metric)
        comparison = self._via(sign + rest, key, Comparison.parse)
        return (metric, comparison)

    def way_back(self, key: str) -> WayBack | None:
        table = self.table[key]
        if not isinstance(table, Mapping) or "when" not in table:
            self._fault(key, 'expected a table such as { when = ">= 1.9" }')
            return None
        for field in table:
            if field not in _WAY_BACK:
                hint = did_you_mean(field, _WAY_BACK)
                self._fault(f"{key}.{field}", f"unknown field {field!r}, {hint}".rstrip(", "))
        return WayBack(
            self._via(table["when"], f"{key}.when", Comparison.parse),
            self._via(table["metric"], f"{key}.metric", _metric) if "metric" in table else "",
            self._whole(table.get("trades", 0), f"{key}.trades", 0),
            self._whole(table.get("at_most", 0), f"{key}.at_most", 0),
            self._via(table["within"], f"{key}.within", seconds) if "within" in table else 0,
        )

    def _whole(self, value: object, key: str, least: int) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            self._fault(key, f"expected a whole number, {least} or more")
            return least
        return value

    def _via(self, value: object, key: str, read: Callable[[str], Any]) -> Any:  # noqa: ANN401 what `read` gives
        if not isinstance(value, str):
            self._fault(key, "expected text")
            return None
        try:
            return read(value)
        except TiltyardError as error:
            what = error.facts if error.code != "METRIC_UNKNOWN" else _unknown_metric(error)
            self._fault(key, what)
            return None

    def _refuse_unknown_fields(self) -> None:
        for key in self.table:
            if key not in FIELDS:
                self._fault(key, f"unknown field {key!r}, {did_you_mean(key, FIELDS)}".rstrip(", "))

    def _refuse_lacking(self) -> None:
        """A guard that says too little is often a built-in one whose name is misspelt."""
        lacking = [field for field in REQUIRED if field not in self.table]
        if lacking and (hint := did_you_mean(self.table["name"], self.built_in)):
            others = ", ".join(lacking)
            self._fault("name", f"no built-in guard, {hint} a guard of its own needs: {others}")
            return
        for field in lacking:
            self._fault(field, "missing")

    def _refuse_danger(self, guard: Guard) -> None:
        latched = self.table.get("latch") is True
        if latched and guard.clear is not None:
            self._fault("latch", "give either latch or clear, not both")
        if guard.effect in NEEDS_AN_END and not latched and guard.clear is None:
            self._fault("effect", f"{guard.effect} needs a way to end: latch = true, or clear")
        if guard.clear is not None:
            self._refuse_way_back(guard, guard.clear)
        if guard.confirm.trades:
            self._refuse_what_nothing_proves(guard)
        if guard.effect == "freeze_ramp" and guard.scope == "arm":
            self._fault(
                "effect",
                "freeze_ramp holds every arm, and is for scope account or champion; "
                'for one arm: on_unknown = "freeze_ramp", or effect = "throttle"',
            )
        if guard.hard and guard.scope != "arm":
            self._fault("on_unknown", f"{guard.on_unknown} is for scope arm, not {guard.scope}")
        if guard.name in CAUSES or guard.name in PERSONS_HOLDS:
            self._fault("name", f"{guard.name!r} is the name of another cause or hold")
        if guard.effect == "propose_rollback" and guard.scope != "champion":
            self._fault("effect", f"propose_rollback is for scope champion, not {guard.scope}")
        if guard.effect in NEEDS_A_CHALLENGER and guard.scope != "arm":
            self._fault("effect", f"{guard.effect} is for scope arm, not {guard.scope}")

    def _refuse_what_nothing_proves(self, guard: Guard) -> None:
        """Evidence is that of an arm's own live trades, against a number that does not move."""
        if guard.metric not in _WEIGHED:
            known = ", ".join(_WEIGHED)
            self._fault("confirm", f"sequential is for one of {known}, not {guard.metric}")
        if guard.scope == "account":
            self._fault("confirm", "sequential is for scope arm or champion, not account")
        if guard.when.metric or guard.when.sign not in ("<", "<=") or guard.when.number <= 0:
            self._fault(
                "confirm",
                f'sequential wants a floor above 0, such as "< 1.6", not "{guard.when}"',
            )

    def _refuse_way_back(self, guard: Guard, clear: WayBack) -> None:
        if _same_unit(guard, clear) and not clear.when.beyond(guard.when):
            self._fault(
                "clear.when", f"{clear.when} does not lie beyond the trip level {guard.when}"
            )
        if guard.effect in ENDED_BY_A_PERSON:
            self._fault("clear", f"{guard.effect} ends by a person only: latch = true")
        if guard.effect != "throttle":
            for field in ("trades", "at_most", "within"):
                if field in self.table["clear"]:
                    self._fault(f"clear.{field}", f"is for effect throttle, not {guard.effect}")

    def _fault(self, key: str, message: str) -> None:
        self.faults.append(Fault(f"{self.path}.{key}", message))


def _same_unit(guard: Guard, clear: WayBack) -> bool:
    return spec_of(clear.metric or guard.metric).unit == spec_of(guard.metric).unit


def _metric(name: str) -> str:
    spec_of(name)
    return name


def _unknown_metric(error: TiltyardError) -> str:
    return f"unknown metric {error.subject!r}, {did_you_mean(error.subject, METRICS)}".rstrip(", ")


FIELDS: dict[str, Callable[[_Reader, str], Any]] = {
    "name": _Reader.text,
    "scope": lambda reader, key: reader.word(key, get_args(Scope)),
    "metric": _Reader.metric,
    "when": lambda reader, key: reader.via(key, Comparison.parse),
    "effect": lambda reader, key: reader.word(key, EFFECTS),
    "priority": lambda reader, key: reader.whole(key, least=0),
    "severity": lambda reader, key: reader.word(key, get_args(Severity)),
    "alert": _Reader.alert,
    "expected": _Reader.band,
    "min_samples": lambda reader, key: reader.whole(key, least=1),
    "stale_after": lambda reader, key: reader.via(key, seconds),
    "confirm": lambda reader, key: reader.via(key, Patience.parse),
    "only_if": _Reader.second,
    "on_unknown": lambda reader, key: reader.word(key, ON_UNKNOWN),
    "clear": _Reader.way_back,
    "latch": _Reader.flag,
    "cool_down": lambda reader, key: reader.via(key, seconds),
    "mode": lambda reader, key: reader.word(key, get_args(Mode)),
}
"""Every field of a guard, and how it is read."""


def _refuse_conflicts(
    guards: Sequence[Guard], merged: Sequence[tuple[str, Table]], faults: list[Fault]
) -> None:
    places = {table["name"]: path for path, table in merged}
    seen: dict[tuple[str, int], Guard] = {}
    for guard in guards:
        if guard.effect not in NEEDS_AN_END:
            continue
        other = seen.setdefault((guard.scope, guard.priority), guard)
        if other is not guard and other.effect != guard.effect:
            faults.append(
                Fault(
                    f"{places[guard.name]}.priority",
                    f"{guard.priority} is also that of {other.name!r}, whose effect conflicts",
                )
            )
    for guard, other in named_twice(guards):
        what = f"{guard.alert!r} is also that of {other.name!r}: a guard has one of its own"
        faults.append(Fault(f"{places[guard.name]}.alert", what))
