"""An action: one thing that is done because a guard or a rule said so."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tiltyard.facts.verdict import Mode

Kind = Literal[
    "register",  # an arm joins
    "admit",  # a candidate goes on trial
    "graduate",  # probation is over
    "throttle",  # share to 0, shadow book goes on, a review is opened
    "halt",  # share to 0, positions reduce-only, only a person re-arms
    "resume",  # back from a throttle at the start share
    "rearm",  # back from a throttle or halt, because a person said so
    "retire",  # out for good, because a person said so
    "crown",  # the new champion; the former is kept as known-good
    "scale",  # the nightly rule
    "skip_scale",  # the nightly rule, and why not
    "raise_ceiling",  # a new trading day, and so room for one more multiplication
    "external_edit",  # somebody changed the share by SQL
    "begin_now",  # a trial, or the account's path, was to begin in a far future
    "freeze_ramp",  # nobody's share grows
    "unfreeze_ramp",
    "freeze_challengers",  # challengers get nothing
    "unfreeze_challengers",
    "stop_entries",  # nobody enters
    "allow_entries",
    "refresh_encoder",  # a job for tonight
    "restart_learner",
    "page",  # wake a person
    "review",  # ask a person, change nothing
    "acknowledge",  # a person has looked at a review
    "propose_rollback",
    "propose_promotion",
    "expire_proposal",  # nobody approved it in time
]

PERSON = "person"
"""The cause of what a person asked for."""

JOB = "job"
"""The cause of what a step of a job asked for that has failed."""

DRILL = "drill"
"""The cause of what is only tried out."""

PERSONS_HOLDS = FREEZE, STOP_ALL = "freeze", "stop-all"
"""What a person has put on hold, by the name under which it ends."""

CAUSES = frozenset(
    {PERSON, JOB, DRILL, "deadman", "epsilon_greedy", "evidence", "ladder", "lifecycle",
     "positions_left_open", "promotion", "purge", "registration", "rollback", "sprt", "sql",
     "static", "thompson", "thompson_beta"}
)  # fmt: skip
"""What an action may follow from beside a guard; no guard has such a name."""

PROTECTIVE: frozenset[Kind] = frozenset(
    {"halt", "throttle", "stop_entries", "freeze_challengers", "freeze_ramp"}
)

GIVING: frozenset[Kind] = frozenset(
    {"register", "admit", "graduate", "resume", "rearm", "crown", "scale", "raise_ceiling",
     "unfreeze_ramp", "unfreeze_challengers", "allow_entries", "acknowledge"}
)  # fmt: skip
"""After these somebody has or may have more than before."""


@dataclass(frozen=True, slots=True)
class Action:
    """What is done, to whom, why, and what it changes.

    Attributes:
        kind: One word of :data:`Kind`.
        policy: The arm; empty for the account.
        cause: The guard or rule it follows from.
        mode: ``observe`` changes nothing but the record.
        at: UTC.
        before: The arm's share before; None where no share is touched.
        after: The arm's share after.
        ceiling: The most it may be given from now on; None where that does not change. When
            frozen challengers are let go, the most they may have together.
        value: What was measured; None when undefined.
        limit: What it was compared with.
        samples: How many trades the value was made from.
        reason: One sentence part for people.
        priority: Lower goes first.
        up_to_seq: The last ledger position seen.
        number: Of the review or proposal that it settles; 0 for none.
    """

    kind: Kind
    policy: str
    cause: str
    mode: Mode
    at: datetime
    before: float | None = None
    after: float | None = None
    ceiling: float | None = None
    value: float | None = None
    limit: float | None = None
    samples: int = 0
    reason: str = ""
    priority: int = 100
    up_to_seq: int = 0
    number: int = 0
