"""What came of a step, and of a job: values that JSON holds."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Self

State = Literal["done", "failed", "skipped"]


class StepOutcome(NamedTuple):
    """What came of a step.

    Attributes:
        step: Its name.
        state: ``done``, ``failed``, or ``skipped`` where there was nothing for it to do.
        began_at: UTC, as text.
        ended_at: UTC, as text.
        tries: How often it was begun.
        code: Of what is wrong; empty where nothing is.
        said: What is wrong, for people; else the last line that it said.
        told: What it printed as JSON; None where it did not.
        may_go: Another try may do better.
    """

    step: str
    state: State
    began_at: str = ""
    ended_at: str = ""
    tries: int = 1
    code: str = ""
    said: str = ""
    told: Any = None
    may_go: bool = False

    def failing(self, code: str, said: str, *, may_go: bool = False) -> Self:
        """The same, failed."""
        return self._replace(state="failed", code=code, said=said, may_go=may_go)

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        return self._asdict()

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """What was kept."""
        return cls(**told)


class JobOutcome(NamedTuple):
    """What came of a job.

    Attributes:
        steps: In their order.
    """

    steps: Sequence[StepOutcome]

    @property
    def failed(self) -> Sequence[StepOutcome]:
        """Steps that did not come to their end."""
        return [one for one in self.steps if one.state == "failed"]

    def to_json(self) -> list[dict[str, Any]]:
        """As it is kept."""
        return [one.to_json() for one in self.steps]

    @classmethod
    def from_json(cls, told: Sequence[Mapping[str, Any]]) -> Self:
        """What was kept."""
        return cls([StepOutcome.from_json(one) for one in told])
