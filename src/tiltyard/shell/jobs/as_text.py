"""How DBOS keeps what jobs are given and say: as JSON, since what it uses by itself is pickle.

Whoever can write into a database of pickles can have anything run by whoever reads it. What is
marked as a pickle there is refused.
"""

import json
from datetime import UTC, datetime
from typing import Any

from dbos import Serializer
from dbos._serialization import DBOSDefaultSerializer

_TIME, _ERROR = "$time", "$error"


class AsText(Serializer):
    """Values as JSON; times and errors are told apart from other values.

    >>> AsText().deserialize(AsText().serialize({"at": datetime(2026, 11, 29, 3, tzinfo=UTC)}))
    {'at': datetime.datetime(2026, 11, 29, 3, 0, tzinfo=datetime.timezone.utc)}
    """

    def serialize(self, data: Any) -> str:  # noqa: ANN401 DBOS's own shape
        """A value as text."""
        return json.dumps(data, default=_plain)

    def deserialize(self, serialized_data: str) -> Any:  # noqa: ANN401 DBOS's own shape
        """The value that a text is of."""
        return json.loads(serialized_data, object_hook=_value)

    def name(self) -> str:
        """As it is noted beside each value."""
        return "tiltyard_json"


def refuse_pickles() -> None:
    """See that DBOS, which reads what is marked as a pickle whatever it is told, does not."""
    DBOSDefaultSerializer.deserialize = _refuse  # type: ignore[assignment, method-assign]


def _refuse(_: str) -> Any:  # noqa: ANN401 DBOS's own shape
    raise TypeError("what jobs keep is no pickle")  # noqa: TRY003 nobody of ours writes one


def _plain(value: object) -> dict[str, str]:
    if isinstance(value, datetime):
        return {_TIME: value.astimezone(UTC).isoformat()}
    if isinstance(value, BaseException):
        return {_ERROR: f"{type(value).__name__}: {value}"[:500]}
    raise TypeError(f"{type(value).__name__} is no value of a job")  # noqa: TRY003 a defect


def _value(told: dict[str, Any]) -> Any:  # noqa: ANN401 whatever was kept
    if told.keys() == {_TIME}:
        return datetime.fromisoformat(told[_TIME])
    if told.keys() == {_ERROR}:
        return RuntimeError(told[_ERROR])
    return told
