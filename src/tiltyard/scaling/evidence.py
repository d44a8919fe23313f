"""The evidence rule: traffic follows what live and shadow trades prove together.

Every arm scores every signal, for real or on paper, so a challenger is judged on all of them and
not on its ten percent. One challenger at a time has real traffic: the one that is most probably
better than the champion. Its share doubles from night to night as far as that probability goes,
and is halved when it falls. A challenger that hardly can be better is retired; one that has
500 live trades, is better with a probability of .9, and whose bets have made ten out of one, is
proposed. What paper says too much is learnt on the way (:mod:`tiltyard.scaling.optimism`).

The hard limits of the checklist stay where they are, and are nobody's business here: the halt at
4 % drawdown, 60 % of traffic until 500 live trades, and no real traffic while the profit factor
of the last 30 trades, live and on paper, is below 1.6. A challenger that was paused comes back
with the share it had: to begin again at ten percent costs half of the uplift where signals are
rare.

:data:`CAREFUL` is the same rule with five numbers changed. It trades smaller the nearer an arm
is to its halt, so that a run of losses does not end a good one's trial; and it wants more proof on
paper before a challenger has its first real trade, which halves what slightly worse ones cost.
"""

from typing import NamedTuple

from tiltyard.metrics.unit import clipped
from tiltyard.scaling.contender import PROMOTE, RETIRE, STAY, TIME_OUT, Contender, Rows, see_live
from tiltyard.scaling.normal import probability_above
from tiltyard.scaling.optimism import estimate, see_twin
from tiltyard.scaling.paired import (
    begin_again,
    posterior,
    posterior_of_live,
    see_level,
    see_pair,
    wealth,
)


class EvidenceRule(NamedTuple):
    """What the rule goes by.

    Attributes:
        start: Share with which a challenger begins.
        early_cap: The most it may have …
        early_trades: … until so many live trades; then 1.
        pf_floor: Profit factor of its last 30 trades below which it has no real traffic.
        warm_signals: Compared on so many before it has real traffic.
        least_better: Probability of being better below which it has none.
        full_better: And from which on it may have the most.
        step_trades: Live trades before its share grows.
        dd_limit: Largest fall within 150 live trades with which it still grows, percent.
        retire_margin: One that is not better by so many R a trade …
        retire_below: … with more than this probability is retired.
        stuck_days: After so many days with less than ``stuck_share``, its time is up.
        stuck_share: See there.
        most_days: After so many with fewer than ``early_trades`` live trades as well.
        promote_better: Probability of being better with which it is proposed …
        promote_wealth: … if its bets have made so much of one.
        keeps_share: Whether a pause ends with the share it had; else with ``start``.
        lead: What a challenger with ``lead_trades`` live trades is preferred by.
        lead_trades: See there.
        full_room: R that it may lose before it is halted, with which it still trades the usual
            size; with less its size shrinks in proportion. 0 for the usual size always.
        least_size: But not below this.
        begin_better: Probability of being better with which one that has no traffic gets some.
        has_shadow: Whether there is a shadow book; without one a challenger is judged on its own
            live trades against the champion's, and nothing is bet.
    """

    start: float = 0.10
    early_cap: float = 0.60
    early_trades: float = 500.0
    pf_floor: float = 1.6
    warm_signals: float = 30.0
    least_better: float = 0.5
    full_better: float = 0.7
    step_trades: float = 15.0
    dd_limit: float = 3.0
    retire_margin: float = 0.03
    retire_below: float = 0.05
    stuck_days: float = 60.0
    stuck_share: float = 0.3
    most_days: float = 120.0
    promote_better: float = 0.90
    promote_wealth: float = 10.0
    keeps_share: float = 1.0
    lead: float = 0.1
    lead_trades: float = 50.0
    full_room: float = 0.0
    least_size: float = 0.1
    begin_better: float = 0.5
    has_shadow: float = 1.0


CAREFUL = EvidenceRule(
    begin_better=0.75, full_better=0.8, step_trades=8.0, retire_below=0.03, full_room=4.0
)
"""Tuned on one set of seeds; what it does on others says the decision benchmark."""


def see(rows: Rows, routed: int, live: list[float], paper: list[float], rule: EvidenceRule) -> None:
    """A signal; see :mod:`tiltyard.scaling.contender`."""
    see_live(rows[routed], live[routed])
    if routed and rule.full_room:
        size = rows[routed].room / rule.full_room
        rows[routed].position_size = min(1.0, max(rule.least_size, size))
    if not rule.has_shadow:
        return
    see_twin(rows[routed], live[routed], paper[routed])
    champion = rows[0]
    other_on_paper = 1 if routed else 0
    other = clipped(paper[0] if other_on_paper else live[0])
    see_level(champion, other, other_on_paper)
    for place in range(1, len(rows)):
        if rows[place].present:
            on_paper = 0 if routed == place else 1
            own = clipped(paper[place] if on_paper else live[place])
            see_pair(rows[place], champion, own, other, on_paper, other_on_paper)


def night(rows: Rows, rule: EvidenceRule) -> None:
    """A night; see :mod:`tiltyard.scaling.contender`."""
    estimate(rows)
    champion, best, most = rows[0], 0, 0.0
    for place in range(1, len(rows)):
        row = rows[place]
        row.share = 0.0
        if not row.present:
            continue
        row.fate = _fate(row, champion, rule)
        merit = _merit(row, rule)
        if merit > most:
            best, most = place, merit
    for place in range(1, len(rows)):
        row = rows[place]
        if place == best:
            _step(row, rule)
        row.chosen = 1.0 if place == best and not row.pf_30 < rule.pf_floor else 0.0


def crowned(rows: Rows, heir: int, rule: EvidenceRule) -> None:
    """A promotion; see :mod:`tiltyard.scaling.contender`."""
    champion = rows[0]
    rows[heir].position_size = 1.0
    if not rule.has_shadow:
        return
    ahead, its_variance = posterior(rows[heir], champion)
    for place in range(1, len(rows)):
        if place != heir and rows[place].present:
            mean, variance = posterior(rows[place], champion)
            begin_again(rows[place], mean - ahead, variance + its_variance)
    rows[heir].level = champion.level + ahead
    rows[heir].level_signals = champion.level_signals


def _fate(row: Contender, champion: Contender, rule: EvidenceRule) -> float:
    mean, variance = _ahead(row, champion, rule)
    row.better = probability_above(0.0, mean, variance)
    if _seen(row, rule) < rule.warm_signals:
        return STAY
    if probability_above(rule.retire_margin, mean, variance) < rule.retire_below:
        return RETIRE
    is_stuck = row.age >= rule.stuck_days and row.held < rule.stuck_share
    if is_stuck or (row.age >= rule.most_days and row.live_trades < rule.early_trades):
        return TIME_OUT
    has_won = not rule.has_shadow or wealth(row) >= rule.promote_wealth
    is_proven = row.better >= rule.promote_better and has_won
    if is_proven and row.live_trades >= rule.early_trades and row.pf_30 >= rule.pf_floor:
        return PROMOTE
    return STAY


def _seen(row: Contender, rule: EvidenceRule) -> float:
    """How many signals a challenger is judged on."""
    return row.signals if rule.has_shadow else row.live_trades


def _ahead(row: Contender, champion: Contender, rule: EvidenceRule) -> tuple[float, float]:
    """Mean and variance of what a challenger makes more than the champion, R a trade."""
    if rule.has_shadow:
        return posterior(row, champion)
    return posterior_of_live(row, champion)


def _merit(row: Contender, rule: EvidenceRule) -> float:
    """What a challenger's claim to the traffic is worth; 0 for none.

    One whose profit factor is too low now has the claim of the last resort: it gets its traffic
    when that has recovered, within the day.
    """
    if row.fate in (RETIRE, TIME_OUT):
        return 0.0
    if rule.has_shadow:
        least = rule.least_better if row.chosen else max(rule.least_better, rule.begin_better)
        if row.signals < rule.warm_signals or row.better < least:
            return 0.0
    merit = row.better + (rule.lead if row.live_trades >= rule.lead_trades else 0.0)
    return merit / 1000 if row.pf_30 < rule.pf_floor else merit


def _step(row: Contender, rule: EvidenceRule) -> None:
    """The share of the one that may have traffic."""
    cap = rule.early_cap if row.live_trades < rule.early_trades else 1.0
    surely = (row.better - rule.least_better) / (rule.full_better - rule.least_better)
    earned = min(1.0, max(0.0, surely)) * row.position_size
    target = rule.start + (cap - rule.start) * earned
    was_paused = not row.chosen
    if row.held == 0 or (was_paused and (row.dd_150 > rule.dd_limit or not rule.keeps_share)):
        row.held = rule.start
    elif row.pf_30 < rule.pf_floor:
        pass
    elif target <= row.held:
        row.held = max(target, row.held / 2)
    elif row.live_trades >= rule.step_trades and row.dd_150 <= rule.dd_limit:
        row.held = min(target, 2 * row.held)
    row.share = row.held
