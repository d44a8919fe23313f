"""Whether a floor can go on from what stands, when its folder has bars of another length.

What is held for real was opened on bars of one length, and is left on those. Without that, the
floor goes on: what was ordered, and held on paper, is no trade.
"""

from collections.abc import Callable
from datetime import timedelta

from tiltyard.kernel.errors import TiltyardError
from tiltyard.router.floor import FloorState
from tiltyard.shell.feeds.files import interval_text
from tiltyard.shell.floor.text import Played


def refuse_other_bars(played: Played, interval: timedelta) -> None:
    """Whether what is held for real was opened on bars as long as these.

    Raises:
        TiltyardError: ``INTERVAL_DIFFERS``.
    """
    held = played.floor.live.positions
    if not held or played.interval == interval:
        return
    names = ", ".join(sorted({position.entry.lane.policy for position in held}))
    raise TiltyardError(
        "INTERVAL_DIFFERS", names, f"what it holds was opened on bars of "
        f"{interval_text(played.interval)}, and the folder has bars of {interval_text(interval)}",
        f"put the bars of {interval_text(played.interval)} back until it has left",
    )  # fmt: skip


def on_bars_of(interval: timedelta, played: Played, say: Callable[[str], object]) -> Played:
    """What stands once the bars have this length.

    Args:
        interval: How long a bar lasts now.
        played: What stood.
        say: Told, for people, what is gone.

    Raises:
        TiltyardError: ``INTERVAL_DIFFERS``.
    """
    refuse_other_bars(played, interval)
    if played.interval == interval:
        return played
    say(
        f"the bars last {interval_text(interval)}, and lasted {interval_text(played.interval)} "
        "before: what was ordered, and held on paper, is gone"
    )
    return played._replace(floor=FloorState(marked=played.floor.marked), has_decided=True)
