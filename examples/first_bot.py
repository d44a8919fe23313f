"""A bot that trades random signals on paper, asks a desk who may enter, and reports.

It ends, so it sends no heartbeats: a desk throttles a policy whose bot sent some and fell silent.

BOT_TOKEN=... python examples/first_bot.py http://127.0.0.1:8420
"""

import os
import random
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta

from tiltyard.client import Client

EPISODES = 100
CAPITAL = 1000


def main(url: str, token: str) -> Counter[str]:
    """Trade so many episodes, one a minute; who entered how often."""
    rng = random.Random()
    entered: Counter[str] = Counter()
    begin = datetime.now(UTC) - timedelta(minutes=EPISODES)
    with Client(url, token, champion="prod", source="first-bot", spool="first_bot.spool") as client:
        client.wait_until_told(2)
        for number in range(EPISODES):
            opened_at = begin + timedelta(minutes=number)
            episode = f"SOL/USDT {opened_at.isoformat()}"
            route = client.route(episode, "SOL/USDT", volatility_tercile=rng.randrange(3))
            if route.policy is None:
                continue
            entered[route.policy] += 1
            with client.deciding(route.policy):
                side = rng.choice(["long", "short"])
            client.called_venue()  # one of paper, which never fails
            client.trade(
                trade_id=episode, policy=route.policy, symbol="SOL/USDT", side=side,
                opened_at=opened_at,
                closed_at=opened_at + timedelta(seconds=rng.uniform(5, 50)),
                pnl=round(rng.gauss(0.1, 5), 2), capital=CAPITAL, episode_id=episode,
            )  # fmt: skip
        for policy in entered:
            client.mark(policy=policy, unrealised=0, open_positions=0, capital=CAPITAL)
        client.close(2)
        print(f"entered: {dict(sorted(entered.items()))}; {client.pending} reports wait")
    return entered


if __name__ == "__main__":
    main(sys.argv[1], os.environ["BOT_TOKEN"])
