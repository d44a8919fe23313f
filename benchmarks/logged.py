"""Is it worth learning from what a ledger's arms did, beside what fresh players meet?

Hours of BTC and SOL with funding; features that a learner is told by default, without an encoder;
5 bp of fee and 1 bp of spread each way, the rewards of a retraining. Trend, breakout and reversion
trade on the floor of a desk, with 80, 10 and 10 % of the traffic, and it writes a ledger. What lies
before a test is learnt from, as in a retraining: two years, the last 15 % of which choose the
weights.

For each test and seed a network is fitted by fresh players alone, by both, and by the ledger alone:
then players go on, and nothing is learnt from them. What a network would have done in the test is
filled by the desk's paper venue. Beside it stand the arms themselves.

    python benchmarks/logged.py --data FOLDER [--steps 250000] [--seeds 5] [--tests 2] [--brief]
        [--quick]

Prints the mean daily return of each seed, in percent of the capital, their quartiles, and of how
many all decisions were nearly alike. `--brief`: fresh players alone, and what a training
does by default. `--quick`: 20,000 steps of two seeds and one test.
"""

import argparse
import json
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np

from hours import past, rows_of
from tiltyard.facts.arm import Arm, Role, Roster, State
from tiltyard.features.technical import Indicators
from tiltyard.kernel.money import money
from tiltyard.learners.dqn import DqnSettings, Logged
from tiltyard.learners.environment import prepare
from tiltyard.learners.examples import MarketData
from tiltyard.learners.job import Job
from tiltyard.learners.logged import replay_in, transitions_of
from tiltyard.learners.performance import Result
from tiltyard.learners.retraining import SizingSettings
from tiltyard.learners.seeds import Asked, Lessons, SeedFit, Tables, fit_seed
from tiltyard.learners.tracks import tracks_of
from tiltyard.learners.walk_forward import DAY, Fold, Range, baselines, by_policy, play
from tiltyard.market.bar import HOUR, Bar
from tiltyard.market.candles import bars_of
from tiltyard.market.paper import PaperVenue
from tiltyard.policies.catalogue import POLICIES
from tiltyard.router.floor import Floor, Reporter, Seat
from tiltyard.router.split import Split
from tiltyard.shell.replaying.course import hours_of
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.training.logged import log_of

TEST_DAYS, WINDOW_DAYS, VALID, EMBARGO = 180, 730, 0.15, 25 * 3_600
KINDS = tuple(enumerate(("trend", "breakout", "reversion")))
SHARES = (0.8, 0.1, 0.1)
CAPITAL = money(10_000)
WAYS: Mapping[str, tuple[float, float]] = {
    "fresh alone": (0.0, 0.0),
    "fresh and .25 logged, penalty .01": (0.25, 0.01),
    "fresh and .25 logged, penalty .1": (0.25, 0.1),
    "fresh and .25 logged, penalty 1": (0.25, 1.0),
    "logged alone, penalty .1": (1.0, 0.1),
    "logged alone, penalty 1": (1.0, 1.0),
}
"""Share of a batch, and weight of the penalty."""
BRIEFLY = ("fresh alone", "fresh and .25 logged, penalty .1")


def folds(last: int, count: int) -> list[Fold]:
    """Tests that follow each other up to the end, each after its own window."""
    ends = [last // DAY * DAY - n * TEST_DAYS * DAY for n in reversed(range(count))]
    return [
        Fold(since - WINDOW_DAYS * DAY, since - EMBARGO, since, since + TEST_DAYS * DAY)
        for since in (end - TEST_DAYS * DAY for end in ends)
    ]


def record(data: MarketData, since: int, until: int, file: Path) -> None:
    """The ledger of a floor on which the three arms trade."""
    costs = SizingSettings().base.costs(data)
    floor = Floor(
        PaperVenue(costs, HOUR),
        PaperVenue(costs, HOUR),
        Reporter(currency="USDT"),
        Random(1),  # noqa: S311 no secret
    )
    policies = {f"{kind}_20200101_000000_0000000{n}": POLICIES.get(kind) for n, kind in KINDS}
    for name, policy in policies.items():
        floor.seat(name, Seat(policy, CAPITAL, 0.1))
    split = Split(dict(zip(policies, SHARES, strict=True)), revision=1, salt="1")
    needs = [name for policy in policies.values() for name in policy.needs]
    seen = {symbol: Indicators(symbol, needs, HOUR) for symbol in data.known}
    recent: dict[str, deque[Bar]] = {
        symbol: deque(maxlen=max(one.looks_back for one in policies.values())) for symbol in seen
    }
    trades, decisions = [], []
    begins, ends = datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC)
    for at, bars in hours_of([list(bars_of(one)) for one in data.known.values()]):
        if at >= ends:
            break
        trades += floor.open_bars(bars) + floor.close_bars(bars)
        known = {}
        for symbol, bar in bars.items():
            recent[symbol].append(bar)
            told = seen[symbol].see(bar)
            known[symbol] = told._replace(recent=tuple(recent[symbol]))
        if at >= begins:
            decisions += floor.decide(known, split, {})
    roster = Roster()
    for number, (name, share) in enumerate(zip(policies, SHARES, strict=True)):
        role: Role = "challenger" if number else "champion"
        state: State = "live" if number else "champion"
        roster = roster.with_arm(Arm(name, role, state, share, share, 1, CAPITAL, begins))
    with Ledger.open(str(file), create=True) as ledger:
        ledger.save_roster(roster, [], at=begins)
        with ledger.staging() as staging:
            staging.add([(row, one, False) for row, one in enumerate(trades, 2)])
            staging.commit(now=ends, known_at=ends)
        ledger.append_decisions(decisions, known_at=ends)


def text(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%MZ}"


def fitted(
    lessons: Lessons, fold: Fold, seeds: int, folder: Path
) -> Iterator[tuple[SeedFit, float]]:
    """A network of each seed, and seconds of a processor that it took."""
    for seed in range(1, seeds + 1):
        begun = time.process_time()
        made = fit_seed(lessons, Asked(fold, seed, ""), job=Job(), folder=folder)
        yield made, time.process_time() - begun


def daily(result: Result) -> float:
    """Percent of the capital."""
    return 100 * float(result.equity[-1]) / len(result.days)


def line(name: str, results: list[Result], seconds: float, logged: int) -> str:
    made = [daily(one) for one in results]
    low, middle, high = np.quantile(made, (0.25, 0.5, 0.75))
    constant = sum(one.constant is not None for one in results)
    each = " ".join(f"{one:+.3f}" for one in made)
    return (
        f"| {name} | {each} | {low:+.3f} | {middle:+.3f} | {high:+.3f} | {constant} of "
        f"{len(results)} | {np.mean([len(one.trades) for one in results]):,.0f} | {logged:,} | "
        f"{seconds:.0f} s |"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=250_000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tests", type=int, default=2)
    parser.add_argument("--brief", action="store_true")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    steps, seeds, tests = asked.steps, asked.seeds, asked.tests
    if asked.quick:
        steps, seeds, tests = 20_000, 2, 1
    prepare()
    data = past(asked.data)
    rows = rows_of(data)
    settings = SizingSettings()
    tracks = tracks_of(data.known, rows, data.funding)
    costs = settings.base.costs(data)
    cut = folds(int(rows.as_of.max()), tests)
    with TemporaryDirectory() as name:
        folder = Path(name)
        begun = time.perf_counter()
        file = folder / "ledger.db"
        record(data, cut[0].train_since, cut[-1].test_until, file)
        with Ledger.open(str(file)) as ledger:
            log = log_of(ledger, rows.symbols, 0.25)
        assert not isinstance(log, str), log
        found = transitions_of(log, tracks, settings.rules)
        print(f"the arms traded in {time.perf_counter() - begun:.0f} s")
        print(json.dumps(found.told(log, {}), indent=1))
        stays = float((found.transitions.position == found.transitions.action).mean())
        print(f"the arms go on with what they hold after {stays:.1%} of all bars")
        replay = replay_in(folder / "logged", found, "")
        dqn = DqnSettings(steps=steps)
        for fold in cut:
            within = Range(fold.test_since, fold.test_until)
            print(f"\ntested {text(fold.test_since)} to {text(fold.test_until)}, {steps:,} steps\n")
            print("| learnt from | each seed, % a day | lower quartile | median | upper quartile | "
                  "constant | trades | logged decisions | processor, a fit |")  # fmt: skip
            print("|---|---|---|---|---|---|---|---|---|")
            for way in BRIEFLY if asked.brief else WAYS:
                share, penalty = WAYS[way]
                logged = Logged(replay, share) if share else None
                lessons = Lessons(
                    replace(dqn, conservative=penalty), settings.rules, rows, tracks,
                    WINDOW_DAYS * DAY, VALID, EMBARGO, "", {}, logged,
                )  # fmt: skip
                every = list(fitted(lessons, fold, seeds, folder / "buffer"))
                fits = [fit for fit, _ in every]
                tables = Tables(rows, seeds)
                tables.foresee(fits, within)
                results = tables.traded(data.known, costs, within)[:-1]
                took = float(np.mean([seconds for _, seconds in every]))
                print(line(way, results, took, fits[0].history["logged"]), flush=True)
            others = {
                f"{kind}, by itself": play(
                    data.known, by_policy(POLICIES.get(kind), data.known, within), costs, within
                )
                for _, kind in KINDS
            }
            others["buy and hold"] = baselines(data.known, costs, within)["buy_and_hold"]
            for called, one in others.items():
                print(line(called, [one], 0.0, 0), flush=True)


if __name__ == "__main__":
    main()
