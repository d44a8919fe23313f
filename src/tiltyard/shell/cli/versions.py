"""``policy versions``: which trained policies and encoders there are, newest first."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import typer

from tiltyard.facts.arm import Roster
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import Faults, TiltyardError
from tiltyard.kernel.text import storable
from tiltyard.shell.cli.options import AsJson, Config, Database, ledger_if_any, settings_from
from tiltyard.shell.models.versions import Gate, Origin, Version, versions_in
from tiltyard.shell.report.text import share

SHORT = 8
"""Digits of a digest that people are told."""


def versions(as_json: AsJson = False, database: Database = None, config: Config = None) -> None:
    """Every snapshot in the folder of models, newest first, and which arm trades it."""
    settings = settings_from(config)
    found, roster = versions_in(settings.models.path), None
    if (opened := ledger_if_any(database, settings)) is not None:
        with opened as ledger:
            roster = ledger.roster()
    if as_json:
        typer.echo(json.dumps([version_json(one, roster) for one in found], indent=2))
        return
    if not found:
        typer.echo(f"no snapshot is in {settings.models.path}: tiltyard train makes one")
    for one in found:
        for line in version_lines(one, roster):
            typer.echo(line)


def version_lines(version: Version, roster: Roster | None) -> list[str]:
    """A version for people; its kind, time and short digest are in its name.

    Args:
        version: Which.
        roster: Who may trade it; None where nobody knows.
    """
    origin = version.origin
    if isinstance(origin, TiltyardError):
        lines = [f"refused: {origin.code}: {_why(origin)}"]
    else:
        lines = [*_origin_lines(version, origin)]
    return [version.name, *(f"  {line}" for line in (*lines, *_arm_lines(version, roster)))]


def _why(error: TiltyardError) -> str:
    """What is wrong, in one line."""
    return storable("; ".join(map(str, error.faults)) if isinstance(error, Faults) else error.facts)


def _origin_lines(version: Version, origin: Origin) -> Iterator[str]:
    at = "" if version.trained_at is None else f" {_at(version.trained_at)}"
    symbols = f" on {', '.join(origin.symbols)}" if origin.symbols else ""
    yield f"trained{at}{symbols}; {_knows(origin.knows_until)}"
    parents = ", ".join(one[:SHORT] for one in origin.parents)
    steps = [] if origin.steps is None else [f"{origin.steps:,} steps each"]
    made = [*([f"made from {parents}"] if parents else []), *_seeds(origin.seeds), *steps]
    if made:
        yield ", ".join(made)
    if origin.is_partial:
        yield "partial: the time was up before everything was learnt"
    if version.is_policy:
        yield f"gate: {_gate_text(origin.gate)}"


def _knows(until: datetime | None) -> str:
    if until is None:
        return "nobody knows which bars it has learnt from"
    return f"knows the bars until {_at(until)}"


def _seeds(seeds: Sequence[int]) -> list[str]:
    if len(seeds) <= 1:
        return [f"seed {seed}" for seed in seeds]
    is_row = list(seeds) == list(range(seeds[0], seeds[0] + len(seeds)))
    return [f"seeds {f'{seeds[0]} to {seeds[-1]}' if is_row else ' '.join(map(str, seeds))}"]


def _gate_text(gate: Gate | None) -> str:
    """What the gate said, and by which numbers; in words where the numbers do not say why."""
    if gate is None:
        return "none"
    quartile, reasons = gate.lower_quartile, "; ".join(gate.reasons)
    if quartile is None:
        return f"{gate.state}: {reasons}"
    beside = ", ".join(
        f"{name.replace('_', ' ')} {_a_day(one)}" for name, one in gate.against.items()
    )
    is_above = all(quartile > one for one in gate.against.values())
    why = f"; {reasons}" if is_above and reasons else ""
    return f"{gate.state}, {_a_day(quartile)} a day at the lower quartile; {beside}{why}"


def _a_day(share_of_capital: float) -> str:
    return f"{100 * share_of_capital:.3f} %"


def _arm_lines(version: Version, roster: Roster | None) -> list[str]:
    """Who trades it; nothing of what nobody can trade, or where nobody knows."""
    if roster is None or not version.is_policy:
        return []
    arms = version.arms(roster)
    if not arms:
        return ["arm: none"]
    return [
        f"arm: {arm.name}, {arm.role}, {arm.state}, traffic {share(arm.share)}"
        if arm.name != version.name
        else f"arm: {arm.role}, {arm.state}, traffic {share(arm.share)}"
        for arm in arms
    ]


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}Z"


def version_json(version: Version, roster: Roster | None) -> dict[str, Any]:
    """A version for programs.

    Args:
        version: Which.
        roster: Who may trade it; None where nobody knows.
    """
    origin = version.origin if isinstance(version.origin, Origin) else None
    error = version.origin if isinstance(version.origin, TiltyardError) else None
    knows = None if origin is None else origin.knows_until
    return {
        "name": version.name,
        "kind": version.kind or None,
        "sha256": None if origin is None else origin.digest,
        "trained_at": None if version.trained_at is None else time_text(version.trained_at),
        "symbols": [] if origin is None else list(origin.symbols),
        "knows_until": None if knows is None else time_text(knows),
        "parents": [] if origin is None else list(origin.parents),
        "steps": None if origin is None else origin.steps,
        "seeds": [] if origin is None else list(origin.seeds),
        "gate": None if origin is None or origin.gate is None else _gate_json(origin.gate),
        "partial": None if origin is None else origin.is_partial,
        "arms": None if roster is None else [
            {
                "policy": arm.name, "role": arm.role, "state": arm.state,
                "traffic_allocation": arm.share,
            }
            for arm in version.arms(roster)
        ],
        "refused": None if error is None else error.code,
        "reason": None if error is None else _why(error),
    }  # fmt: skip


def _gate_json(gate: Gate) -> dict[str, Any]:
    return {
        "state": gate.state, "lower_quartile": gate.lower_quartile,
        "against": dict(gate.against), "reasons": list(gate.reasons),
    }  # fmt: skip
