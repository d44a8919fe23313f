"""What the arms on the floor hold for real, as it is written, for whoever says what is open.

The floor knows what it holds, whether a mark has told of it or not. An arm that is not seated
there is missing: only marks tell what its bot holds. So is everybody where the settings name no
feed, whatever a desk that traded on bars has left.
"""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from tiltyard.kernel.errors import TiltyardError
from tiltyard.market.paper import Position
from tiltyard.shell.floor.text import Played, played_from
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.floor_table import read_floor


class WrittenFloor:
    """The floor of one desk, read again whenever something else is written.

    Args:
        settings: Whether the desk trades on bars.

    Attributes:
        held: What each arm that is seated holds, without an order that has not been filled.
    """

    def __init__(self, settings: Settings) -> None:
        self._trades = bool(settings.market.feed)
        self._text: str | None = None
        self.held: Mapping[str, Sequence[Position]] = {}

    def look(self, connection: sa.Connection) -> None:
        """Read it; what cannot be read tells nothing, and the floor says why."""
        text = read_floor(connection) if self._trades else None
        if text == self._text:
            return
        self._text, self.held = text, {}
        if text is not None:
            try:
                self.held = _by_arm(played_from(text))
            except TiltyardError:
                return


def _by_arm(played: Played) -> Mapping[str, Sequence[Position]]:
    held: dict[str, list[Position]] = {name: [] for name in played.seated}
    for position in played.floor.live.positions:
        held.setdefault(position.entry.lane.policy, []).append(position)
    return held
