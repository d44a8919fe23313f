"""What goes over the wire, as the description of the API tells it.

Money is exact decimal text, or a number by its shortest form; times are ISO 8601 with an
offset. What a value has to be beyond its type is judged where facts are read, in the same
words as for a file.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MOST_ITEMS = 1000
LONGEST = 1000

Amount = Annotated[
    str | int | float, Field(description="Exact decimal text, or a number.", examples=["12.50"])
]
Time = Annotated[
    str | int,
    Field(
        description="ISO 8601 with an offset, or milliseconds since 1970.",
        examples=["2025-07-07T12:00:00Z"],
    ),
]
Text = Annotated[str | int, Field(description="At most 200 printable characters.")]
_HOW_WILD = Field(description="0 calm, 1 usual, 2 wild; left out when nobody knows.")


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Sent(_Wire):
    """What others send: ``true`` is no number, and a number no text that means one."""

    model_config = ConfigDict(extra="forbid", strict=True)


class TradeItem(_Sent):
    """A closed trade, after costs. The same one again, with another content, corrects it."""

    trade_id: Text
    policy: Text
    symbol: Text
    side: Annotated[str, Field(description="long or short", examples=["long"])]
    opened_at: Time
    closed_at: Time
    pnl: Amount
    revision: Annotated[
        str | int | None, Field(description="1 for the first report, more for corrections.")
    ] = None
    book: Annotated[
        str | None, Field(description="live (the default), shadow or twin", examples=["live"])
    ] = None
    account: Text | None = None
    currency: Text | None = None
    capital: Amount | None = None
    risk: Amount | None = None
    notional: Amount | None = None
    fees: Amount | None = None
    funding: Amount | None = None
    quantity: Amount | None = None
    entry_price: Amount | None = None
    exit_price: Amount | None = None
    policy_digest: Text | None = None
    episode_id: Text | None = None


class MarkItem(_Sent):
    """What an arm's open positions are worth."""

    policy: Text
    marked_at: Time
    unrealised: Amount
    open_positions: int
    capital: Amount | None = None
    account: Text | None = None
    currency: Text | None = None
    exposure: Amount | None = None


class ObservationItem(_Sent):
    """A gauge that was read."""

    name: Text
    number: float | int
    observed_at: Time
    policy: Text | None = None
    samples: int | None = None


class DecisionItem(_Sent):
    """To which arm an episode was given."""

    episode_id: Text
    symbol: Text
    policy: Text
    propensity: float | int
    share_revision: int
    decided_at: Time
    volatility_tercile: Annotated[int | None, _HOW_WILD] = None


class HeartbeatItem(_Sent):
    """The bot of a policy lives."""

    policy: Text
    at: Time


class TradeBatch(_Sent):
    """Closed trades of one reporter."""

    source: Annotated[
        str | None, Field(description="Which of the token's reporters; its source is TOKEN/SOURCE.")
    ] = None
    trades: Annotated[list[TradeItem], Field(max_length=MOST_ITEMS)]


class MarkBatch(_Sent):
    """Marks."""

    marks: Annotated[list[MarkItem], Field(max_length=MOST_ITEMS)]


class ObservationBatch(_Sent):
    """Observations."""

    observations: Annotated[list[ObservationItem], Field(max_length=MOST_ITEMS)]


class DecisionBatch(_Sent):
    """Decisions."""

    decisions: Annotated[list[DecisionItem], Field(max_length=MOST_ITEMS)]


class HeartbeatBatch(_Sent):
    """Heartbeats."""

    heartbeats: Annotated[list[HeartbeatItem], Field(max_length=MOST_ITEMS)]


class Taken(_Wire):
    """What became of the items of a batch."""

    new: int
    corrected: int
    unchanged: int
    quarantined: Annotated[int, Field(description="Stamped in the future, and kept apart.")]


class Shares(_Wire):
    """Who gets how much of the opportunities.

    From ``expires_at`` on the champion has all of it. Nobody enters while something stops
    entries; those in ``reduce_only`` never do.
    """

    champion: str | None
    shares: dict[str, float]
    entries_stopped_by: list[str]
    reduce_only: list[str]
    revision: int
    salt: Annotated[str, Field(description="Goes into every choice, beside the revision.")]
    decided_at: datetime
    expires_at: datetime


class EpisodeAsked(_Sent):
    """An opportunity that somebody would take."""

    episode_id: Annotated[str, Field(min_length=1, max_length=200)]
    symbol: Annotated[str, Field(min_length=1, max_length=200)]
    volatility_tercile: Annotated[Annotated[int, Field(ge=0, le=2)] | None, _HOW_WILD] = None


class Choice(_Wire):
    """The arm that has an episode."""

    policy: str
    propensity: float
    share_revision: Annotated[int, Field(description="0: the shares had expired.")]


class Given(Shares):
    """The shares, and who gets the episode that was asked about; null when nobody may enter."""

    choice: Choice | None


class Joining(_Sent):
    """A policy that joins."""

    policy: Annotated[str, Field(min_length=1, max_length=LONGEST)]
    role: Literal["champion", "challenger"] = "challenger"
    kind: Annotated[str, Field(max_length=LONGEST)] = ""
    capital: Amount | None = None
    share: Annotated[float | None, Field(description="Start share, 0 to 0.6.")] = None
    digest: Annotated[str, Field(max_length=LONGEST, description="SHA-256 of what serves.")] = ""


class Asked(_Sent):
    """Why something is asked for."""

    reason: str = ""


class AskedRollback(Asked):
    """Why, and to whom; the last in good standing when nobody is named."""

    to: Annotated[str, Field(max_length=LONGEST)] = ""
    digest: Annotated[str, Field(max_length=LONGEST)] = ""


class AskedResume(Asked):
    """Why, and what is to end: freeze, stop-all, deadman or a guard; a person's when empty."""

    hold: Annotated[str, Field(max_length=LONGEST)] = ""


class Done(_Wire):
    """What was done about a command."""

    verb: str
    policy: str
    done: str


class Acknowledged(_Wire):
    """Who has seen a page, and when."""

    number: int
    title: str
    acknowledged_by: str
    acknowledged_at: str


class ArmState(_Wire):
    """An arm as it stands; a number that is not known yet is null."""

    policy: str
    kind: str
    digest: str | None
    role: str
    state: str
    traffic_allocation: float
    capital: str | None
    pf_30: float | None
    pf_150: float | None
    pf_prod: float | None
    dd_150: float | None
    total_trades: int
    wins: int
    total_pnl: float
    created_at: datetime


class Arms(_Wire):
    """Every arm, the champion first, and what is on hold."""

    policies: list[ArmState]
    on_hold: list[dict[str, str]]


class ReviewState(_Wire):
    """A review that waits for a person."""

    number: int
    policy: str
    guard: str
    opened_at: datetime
    advisory: bool


class ProposalState(_Wire):
    """A proposal that waits for a person."""

    number: int
    kind: str
    policy: str
    opened_at: datetime
    expires_at: datetime
    evidence: str


class Reviews(_Wire):
    """What is open."""

    reviews: list[ReviewState]
    proposals: list[ProposalState]


class AlertSaid(_Wire):
    """What followed from an alert, or why nothing did."""

    name: str
    policy: str
    said: str


class AlertsTaken(_Wire):
    """The alerts of a batch."""

    alerts: list[AlertSaid]


class AlertState(_Wire):
    """An episode of an alert that came back to the desk."""

    name: str
    guard: str
    policy: str
    status: str
    is_test: bool
    starts_at: datetime
    first_at: datetime
    last_at: datetime
    times: int
    said: str


class AlertsReceived(_Wire):
    """The newest of them."""

    alerts: list[AlertState]


class Health(_Wire):
    """Whether the process lives, or the desk judges."""

    status: str
    reasons: list[str]


class FaultItem(_Wire):
    """One thing that is wrong."""

    item: int | None
    place: str
    message: str


class ErrorSaid(_Wire):
    """What went wrong, on what, the facts, and what to do."""

    code: str
    subject: str
    facts: str
    remedy: str
    faults: list[FaultItem]


class Refusal(_Wire):
    """Every answer that is no success."""

    error: ErrorSaid
