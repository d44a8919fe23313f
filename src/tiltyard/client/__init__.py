"""The bot's side of a desk: who may enter with an episode, and what came of it.

A bot asks before each entry, and is answered at once from shares that are held in memory; they
are renewed behind its back. When the desk is gone, challengers have their shares until these
expire, and then the champion trades alone. What the bot reports is put by and delivered
until the desk has it, once. Nothing that a bot asks or reports is waited for or raises.

``shares`` (what was told, and who gets an episode by it), ``reports`` (what a bot may say),
``outbox`` (what is not delivered yet), ``spool`` (the same in a file), ``keeping`` (both, for any
thread), ``beats`` (who is said to live), ``durations`` and ``tallies`` (what is counted in a
minute), ``model`` and ``checkups`` (whether a model is what it should be), ``answers`` (what a
desk's answer means), ``clocks`` (a bot's two), ``standing`` (the shares that it goes by now),
``courier`` (between bot and desk), ``telling`` and ``asking`` (what a bot sees), and the two
clients: one for threads, one for coroutines.

>>> with Client("http://127.0.0.1:9", "t0ken", champion="prod") as client:
...     client.route("SOL/USDT 2026-03-02T12:00:00Z", "SOL/USDT")
...     client.close(timeout=0)
Route(policy='prod', propensity=1.0, share_revision=0, why='never told')
False
"""

from tiltyard.client.async_client import AsyncClient
from tiltyard.client.client import Client
from tiltyard.client.courier import Pace
from tiltyard.client.model import Health
from tiltyard.client.outbox import Refused
from tiltyard.client.shares import Route

__all__ = ["AsyncClient", "Client", "Health", "Pace", "Refused", "Route"]
