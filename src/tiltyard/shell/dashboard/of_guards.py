"""The row of the checklist: of each guard the number, the band, the flag and the state.

Colours say where a number stands; the state says what the desk makes of it, which also waits for
enough trades, confirmation and evidence. Nobody's number is no number, and no pass.
"""

from collections.abc import Iterator, Mapping

from tiltyard.checklist.guard import Checklist, Guard
from tiltyard.metrics.catalogue import SHADOW, spec_of
from tiltyard.shell.alerts.in_words import DOES
from tiltyard.shell.dashboard import queries
from tiltyard.shell.dashboard.looks import STATE_COLOURS, in_words, look_of, state_look
from tiltyard.shell.dashboard.panel import FULL_WIDTH, Colour, Look, Panel, Query, Row, Step

WHOSE = {"arm": "challengers", "champion": "champion", "account": "account"}
_BY_NUMBER: Mapping[str, tuple[str, Colour]] = {
    str(number): (name, STATE_COLOURS[name]) for number, name in enumerate(queries.STATES)
}


def checklist_rows(checklist: Checklist) -> Iterator[Row]:
    """What asks for somebody first, and every guard of the checklist."""
    yield Row("Is all well?", [*_counts(), _history()])
    yield Row("The checklist", [_guard(guard) for guard in checklist.guards])


def _counts() -> Iterator[Panel]:
    yield _count(
        "Guards tripped now", "tripped",
        "A breach is confirmed and has not ended. What follows from it is in force, unless the "
        "guard only observes or a person has ended it. See which below, and what the desk did in "
        "the row of actions. Then: tiltyard report.",
    )  # fmt: skip
    yield _count(
        "Guards that cannot tell", "unknown|error",
        "What they watch was known and is lost, or cannot be judged. That is never a pass: find "
        "who reports it. Then: tiltyard report.",
    )  # fmt: skip
    yield _count(
        "Breaches not confirmed yet", "breach",
        "Seen, and not yet for as long as the guard wants: nothing has followed yet. Or a person "
        "has re-armed the arm all the same.",
        Look(steps=(Step(None, "green"), Step(1, "orange"))),
    )  # fmt: skip
    open_reviews = queries.family("reviews_open")
    yield Panel(
        "Reviews that wait for a person",
        "tiltyard review list, then tiltyard review ack NUMBER. Who was throttled or halted comes "
        "back only after that.",
        (Query(queries.account(open_reviews, "sum"), "reviews"),),
        "number", Look(steps=(Step(None, "green"), Step(1, "orange"))), width=4, height=4,
    )  # fmt: skip
    yield Panel(
        "Is anything on hold for everybody?",
        "Entries, challengers' traffic, or the growth of shares. The first two stay on hold "
        "until a person says tiltyard resume.",
        (Query(queries.each(queries.family("hold"), "hold"), "{{hold}}"),), "number",
        Look(words={"0": ("free", "green"), "1": ("on hold", "red")}), width=8, height=4,
    )  # fmt: skip


def _count(title: str, states: str, description: str, look: Look | None = None) -> Panel:
    red = Look(steps=(Step(None, "green"), Step(1, "red")))
    return Panel(
        title, f"{description} Without a desk there is no number.",
        (Query(queries.how_many(states), "guards"),), "number", look or red,
        width=4, height=4,
    )  # fmt: skip


def _history() -> Panel:
    return Panel(
        "How each guard has stood",
        "One line for each guard and policy. Blue is not known yet, orange is seen and not "
        "confirmed, purple is lost, red is tripped. Follow a red one to its row below.",
        (Query(queries.state_numbers(), "{{guard}} {{policy}}"),),
        "states", Look(words=_BY_NUMBER), width=FULL_WIDTH, height=10,
    )  # fmt: skip


def _guard(guard: Guard) -> Panel:
    look = look_of(guard.metric, guard)
    found = [Query(queries.watched(guard), "Value", look)]
    if guard.when.metric:
        found.append(Query(queries.limit(guard), "Limit", look_of(guard.metric)))
    found.append(Query(queries.state(guard), "State", state_look(), column="state"))
    return Panel(
        f"{_subject(guard)} ({_whose(guard)}): {in_words(guard)}",
        _what_to_do(guard), tuple(found), "table", look, width=8, height=5,
    )  # fmt: skip


def _whose(guard: Guard) -> str:
    on_paper = ", on paper" if guard.metric.endswith(SHADOW) else ""
    return f"{WHOSE[guard.scope]}{on_paper}"


def _subject(guard: Guard) -> str:
    """What is watched, as people say it; a yes or no goes by its name."""
    meaning = spec_of(guard.metric).meaning
    name = guard.metric.replace("_", " ") if spec_of(guard.metric).unit == "flag" else meaning
    return f"{name[0].upper()}{name[1:]}"


def _what_to_do(guard: Guard) -> str:
    also = f" while {guard.only_if[0]} {guard.only_if[1]}" if guard.only_if else ""
    watches = f"Guard {guard.name}: {guard.metric} {guard.when}{also}, {guard.confirm}."
    then = DOES[guard.effect] if guard.mode == "enforce" else "Nothing follows: mode observe."
    look = "tiltyard report" if guard.scope == "account" else "tiltyard report POLICY --trades"
    return f"{watches} {then} Look: {look}"
