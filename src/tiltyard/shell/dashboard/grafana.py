"""Grafana's file of the dashboard: what stands where, and what a reader chooses.

The same dashboard gives the same bytes. Panels stand from left to right and from top to bottom, so
that no two lie on one another. The form is the one that every Grafana reads from a file.
"""

import json
from collections.abc import Iterator, Sequence

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from tiltyard.shell.as_made import blank_seal, sealed_within
from tiltyard.shell.dashboard import queries
from tiltyard.shell.dashboard.drawing import SOURCE, drawn
from tiltyard.shell.dashboard.panel import FULL_WIDTH, Panel, Row

UID, TITLE = "tiltyard-desk", "Tiltyard: champion and challengers"


def grafana_text(rows: Sequence[Row]) -> str:
    """The file.

    Args:
        rows: From top to bottom.
    """
    board = (
        dashboard.Dashboard(TITLE)
        .uid(UID)
        .description(
            "Made from the checklist by tiltyard alerts dashboard; make it anew there. "
            f"{blank_seal()}"
        )
        .tags(["tiltyard"])
        .timezone("browser")
        .time("now-24h", "now")
        .refresh("30s")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .annotation(_actions())
    )
    for variable in _variables():
        board.with_variable(variable)
    number, top = 1, 0
    for row in rows:
        place = model.GridPos(1, FULL_WIDTH, 0, top)
        board.with_row(dashboard.Row(row.title).id(number).grid_pos(place))
        number, top = number + 1, top + 1
        places, top = _laid_out(row.panels, top)
        for panel, position in zip(row.panels, places, strict=True):
            board.with_panel(drawn(panel).id(number).grid_pos(position))
            number += 1
    text = json.dumps(board.build(), cls=JSONEncoder, indent=2, sort_keys=True)
    return sealed_within(f"{text}\n")


def _laid_out(panels: Sequence[Panel], top: int) -> tuple[list[model.GridPos], int]:
    """Where panels stand, and the first line below them."""
    places: list[model.GridPos] = []
    left = lowest = 0
    for panel in panels:
        if left + panel.width > FULL_WIDTH:
            left, top = 0, lowest
        places.append(model.GridPos(panel.height, panel.width, left, top))
        left, lowest = left + panel.width, max(lowest, top + panel.height)
    return places, max(lowest, top)


def _variables() -> Iterator[dashboard.DatasourceVariable | dashboard.QueryVariable]:
    yield dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
    yield (
        _asked("desk", "Desk", "label_values(tiltyard_heartbeat_timestamp_seconds, desk)")
        .multi(False)
        .include_all(False)
    )
    allocation = queries.family("traffic_allocation_ratio").selector(desk=queries.DESK)
    yield (
        _asked("policy", "Policy", f"label_values({allocation}, policy)")
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(model.VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def _asked(name: str, label: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query({"query": query, "refId": name})
        .definition(query)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
    )


def _actions() -> dashboard.AnnotationQuery:
    grown = queries.growth(queries.family("actions_total"), "guard, effect", "2m")
    return (
        dashboard.AnnotationQuery()
        .name("What the desk did")
        .datasource(SOURCE)
        .enable(True)
        .icon_color("red")
        .expr(f"{grown} > 0")
        .step("60s")
        .title_format("{{effect}}")
        .text_format("{{guard}}")
        .tag_keys("guard,effect")
        .use_value_for_time(False)
    )
