"""A dashboard as Grafana reads it: its panels, and its expressions with the variables replaced."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tiltyard.checklist.guard import Checklist
from tiltyard.shell.dashboard.grafana import grafana_text
from tiltyard.shell.dashboard.rows import every_row

Board = Mapping[str, Any]
ROOT = Path(__file__).resolve().parents[1]
COMMITTED = ROOT / "config" / "grafana_dashboard.json"
CHOSEN = {"$desk": "tiltyard", "$policy": ".*", "$__rate_interval": "1m"}
"""What a reader has chosen; spans are those of a Prometheus that scrapes every 15 seconds."""
_LABEL_VALUES = re.compile(r"label_values\((?P<series>.*), (?P<label>\w+)\)")


def board_of(checklist: Checklist, deadman: float = 60) -> Board:
    """A dashboard, read back."""
    read: Board = json.loads(grafana_text(list(every_row(checklist, deadman))))
    return read


def panels(board: Board) -> list[Any]:
    """All but the headings of rows."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def panel_on(board: Board, title: str) -> Any:  # noqa: ANN401 as Grafana has it
    """The only panel whose title begins so."""
    (found,) = [panel for panel in panels(board) if panel["title"].startswith(title)]
    return found


def expressions(board: Board) -> Iterator[tuple[str, str]]:
    """Where each is, and it: of panels, annotations and variables."""
    for panel in panels(board):
        for target in panel.get("targets", []):
            yield f"{panel['title']} {target['refId']}", replaced(target["expr"])
    for annotation in board["annotations"]["list"]:
        yield annotation["name"], replaced(annotation["expr"])
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            found = _LABEL_VALUES.fullmatch(variable["query"]["query"])
            assert found, variable["query"]
            yield f"variable {variable['name']}", replaced(found["series"])


def replaced(text: str) -> str:
    """An expression for Prometheus, once a reader has chosen."""
    for name, value in CHOSEN.items():
        text = text.replace(name, value)
    assert "$" not in text, text
    return text


def families(expression: str) -> set[str]:
    """Those of the desk that an expression reads, histograms by the name of the histogram."""
    return {name.removesuffix("_bucket") for name in re.findall(r"tiltyard_\w+", expression)}
