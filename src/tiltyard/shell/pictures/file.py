"""The file of a page: one HTML file that holds everything it needs.

It loads nothing from the network, and its content policy forbids it to. Whoever watches the path
sees the old page or the new one, never half of one.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from html import escape
from pathlib import Path
from typing import Any

from plotly.io import to_html

from tiltyard.kernel.errors import TiltyardError

_BUTTONS = [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d", "toImage"]]


def write_whole(path: Path, text: str) -> None:
    """Write a file, whole or not at all.

    Args:
        path: One that is there is replaced.
        text: Of the page.

    Raises:
        TiltyardError: ``PAGE_UNWRITABLE``.
    """
    with _beside(path) as beside:
        beside.write_text(text, "utf-8")
        beside.replace(path)


def refuse_unwritable(path: Path) -> None:
    """Find out before any work whether the page can be written.

    Raises:
        TiltyardError: ``PAGE_UNWRITABLE``.
    """
    if path.exists() and not path.is_file():
        what = "it is a folder" if path.is_dir() else "it is no file of text"
        raise TiltyardError("PAGE_UNWRITABLE", str(path), what, "name a file, such as page.html")
    with _beside(path) as beside:
        beside.touch()
        beside.unlink()


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield beside
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise TiltyardError(
            "PAGE_UNWRITABLE", str(path), error.strerror or str(error),
            "check its folder, and the permissions there",
        ) from error  # fmt: skip


def page_of(body: Iterable[str]) -> str:
    """The text of a page, from the parts of its body."""
    return _SKELETON.replace("BODY", "\n".join(body))


def drawn(figure: Mapping[str, Any]) -> str:
    """A figure of plotly, with the script that draws it; one a page."""
    return str(
        to_html(
            figure,
            full_html=False,
            include_plotlyjs=True,
            validate=False,
            div_id="figure",
            config={"responsive": True, "displaylogo": False, "modeBarButtons": _BUTTONS},
        )
    )


def table(heads: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """A table that scrolls where it is too wide.

    Args:
        heads: Of the columns.
        rows: Of cells, each with its tag.
    """
    head = "".join(f"<th>{text}</th>" for text in heads)
    body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return (
        f"<div class='wide'><table><thead><tr>{head}</tr></thead>\n"
        f"<tbody>{body}</tbody></table></div>"
    )


def warned(lines: Iterable[str]) -> list[str]:
    """A paragraph for each line that nobody may overlook."""
    return [f"<p class='warned'>{escape(line)}</p>" for line in lines]


_SKELETON = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none';
 script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:">
<title>Tiltyard</title>
<style>
:root { color-scheme: light dark; --ink: #1c2026; --quiet: #626a74; --paper: #fff;
  --line: #d9dde2; --red: #c01818; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e7eb; --quiet: #98a1ac; --paper: #15181c; --line: #363c44; --red: #ff7b72; } }
body { font: 14px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 1400px; margin: 24px auto; padding: 0 20px; }
h1 { font-size: 22px; margin: 0; } h2 { font-size: 17px; margin: 24px 0 8px; }
.quiet, .unknown { color: var(--quiet); } .breach, .error { color: var(--red); font-weight: 600; }
.warned { color: var(--red); }
.wide { overflow-x: auto; background:
    linear-gradient(to right, transparent, var(--paper) 80%) right/40px 100% no-repeat local,
    linear-gradient(to right, transparent, var(--line)) right/14px 100% no-repeat scroll; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; padding: 4px 10px 4px 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th { color: var(--quiet); font-weight: 500; }
@media (max-width: 600px) { .wide table:has(th:nth-child(4)) { min-width: 720px; } }
.n { font-variant-numeric: tabular-nums; white-space: nowrap; }
.digest { overflow-wrap: anywhere; }
.arm { position: relative; padding-left: 17px; overflow-wrap: break-word; max-width: 320px; }
.arm i { position: absolute; left: 0; top: 9px; width: 10px; height: 10px; border-radius: 2px; }
.breach, .unknown, .error { white-space: nowrap; }
#figure .spikeline { stroke: var(--quiet) !important; stroke-width: 1px !important; }
#figure [class$=tick] text, #figure .infolayer text { fill: var(--ink) !important; }
</style>
</head>
<body>
BODY
</body>
</html>
"""
