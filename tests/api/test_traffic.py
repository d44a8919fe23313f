"""Who gets an episode, by the shares that the desk tells."""

from served import PROD, Served, trade
from tiltyard.router.split import Split
from tiltyard.shell.store.ledger import Ledger
from waiting import until


def test_whoever_asks_is_told_what_it_could_have_chosen_itself(served: Served) -> None:
    with served.asking("ingest") as bot, Ledger.open(served.database) as ledger:
        shares = bot.get("/v1/route").json()
        assert shares["champion"] == PROD
        assert abs(sum(shares["shares"].values()) - 1) < 1e-9
        split = Split(shares["shares"], revision=shares["revision"], salt=shares["salt"])
        for number in range(20):
            episode = f"episode {number}"
            asked = {"episode_id": episode, "symbol": "SOL/USDT", "volatility_tercile": 2}
            given = bot.post("/v1/route", json=asked).json()
            policy, propensity, revision = split.choose(episode)
            assert given["choice"] == {
                "policy": policy, "propensity": propensity, "share_revision": revision
            }  # fmt: skip
            assert bot.post("/v1/route", json=asked).json()["choice"] == given["choice"]
        decisions = [one for one in ledger.decisions() if one.episode_id.startswith("episode ")]
        assert len(decisions) == 20
        assert {one.volatility_tercile for one in decisions} == {2}


def test_how_wild_it_was_is_unknown_when_nobody_has_said_so(served: Served) -> None:
    with served.asking("ingest") as bot, Ledger.open(served.database) as ledger:
        asked = {"episode_id": "asked", "symbol": "SOL/USDT"}
        assert bot.post("/v1/route", json=asked).json()["choice"] is not None
        told = {"episode_id": "told", "symbol": "SOL/USDT", "policy": PROD, "propensity": 1,
                "share_revision": 0, "decided_at": "2026-03-02T12:00:00Z"}  # fmt: skip
        nobody = {**told, "episode_id": "told none", "volatility_tercile": None}
        said = {"decisions": [told, nobody]}
        for new in (2, 0):
            assert bot.post("/v1/decisions", json=said).json()["new"] == new
        wild = {one.episode_id: one.volatility_tercile for one in ledger.decisions()}
        assert (wild["asked"], wild["told"], wild["told none"]) == (None, None, None)


def test_a_halt_is_in_the_shares_and_an_episode_keeps_its_owner(served: Served) -> None:
    with served.asking() as bot:
        revision = bot.get("/v1/route").json()["revision"]
        fall = {"trades": [trade(1, "bot4", "-600")]}
        assert bot.post("/v1/trades", json=fall).status_code == 200
        until(lambda: bot.get("/v1/route").json()["revision"] > revision)
        told = bot.get("/v1/route").json()
        assert "bot4" not in told["shares"]
        assert "bot4" in told["reduce_only"]
        (arm,) = [one for one in bot.get("/v1/policies").json()["policies"]
                  if one["policy"] == "bot4"]  # fmt: skip
        assert (arm["state"], arm["traffic_allocation"]) == ("halted", 0)
        (review,) = [one for one in bot.get("/v1/reviews").json()["reviews"]
                     if one["policy"] == "bot4"]  # fmt: skip
        assert review["guard"] == "challenger_drawdown_high"


def test_nobody_enters_while_a_person_says_so(served: Served) -> None:
    with served.asking() as person:
        done = person.post("/v1/stop-all", json={"reason": "news"})
        assert done.json()["done"].startswith("no entries for anyone")
        until(lambda: bool(person.get("/v1/route").json()["entries_stopped_by"]))
        asked = {"episode_id": "during", "symbol": "SOL/USDT"}
        assert person.post("/v1/route", json=asked).json()["choice"] is None
        assert person.post("/v1/resume", json={"hold": "stop-all"}).status_code == 200
        until(lambda: not person.get("/v1/route").json()["entries_stopped_by"])
        assert person.post("/v1/route", json=asked).json()["choice"] is not None


def test_an_episode_of_an_arm_that_has_lost_its_share_is_nobodys(served: Served) -> None:
    with served.asking() as person:
        shares = person.get("/v1/route").json()
        split = Split(shares["shares"], revision=shares["revision"], salt=shares["salt"])
        own = next(f"own {n}" for n in range(10_000) if split.choose(f"own {n}").policy == "bot3")
        asked = {"episode_id": own, "symbol": "SOL/USDT"}
        assert person.post("/v1/route", json=asked).json()["choice"]["policy"] == "bot3"
        assert person.post("/v1/policies/bot3/throttle", json={}).status_code == 200
        until(lambda: "bot3" not in person.get("/v1/route").json()["shares"])
        assert person.post("/v1/route", json=asked).json()["choice"] is None


def test_a_decision_that_the_shares_would_not_have_made_is_refused(served: Served) -> None:
    with served.asking() as bot:
        shares = bot.get("/v1/route").json()
        split = Split(shares["shares"], revision=shares["revision"], salt=shares["salt"])
        policy, propensity, revision = split.choose("chosen elsewhere")
        said = {"episode_id": "chosen elsewhere", "symbol": "SOL", "policy": policy,
                "propensity": propensity, "share_revision": revision,
                "decided_at": "2026-03-02T12:00:00Z"}  # fmt: skip
        others = [
            {"policy": next(name for name in shares["shares"] if name != policy)},
            {"propensity": propensity / 2},
            {"share_revision": 0},
            {"decided_at": "2999-01-01T00:00:00Z"},
        ]
        for other in others:
            answer = bot.post("/v1/decisions", json={"decisions": [{**said, **other}]})
            assert answer.status_code == 422, other
        assert bot.post("/v1/decisions", json={"decisions": [said]}).json()["new"] == 1
