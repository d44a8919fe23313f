"""What is to be delivered, in order, and what gives way when there is no room."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.client.keeping import Keeping
from tiltyard.client.outbox import GIVES_WAY, MOST_BYTES, Fact, Outbox
from tiltyard.client.reports import KINDS, Kind

kinds = st.sampled_from(KINDS)


def filled(most: int, kinds: list[Kind]) -> tuple[Outbox, list[Fact]]:
    outbox = Outbox(most)
    lost = [fact for kind in kinds for fact in outbox.add(outbox.number(), kind, "{}")]
    return outbox, lost


@given(st.lists(kinds, max_size=30), st.integers(1, 10))
def test_each_kind_keeps_its_order_and_all_that_there_is_room_for(
    came: list[Kind], most: int
) -> None:
    outbox, lost = filled(most, came)
    numbers = {kind: [n for n, k in enumerate(came, 1) if k == kind] for kind in KINDS}
    gone = {fact.number for fact in lost}
    for kind in KINDS:
        kept = [fact.number for fact in outbox.batch(kind, 1000)]
        assert kept == [n for n in numbers[kind] if n not in gone]
        dropped = [n for n in numbers[kind] if n in gone]
        assert dropped == numbers[kind][: len(dropped)], "the oldest of a kind goes first"
    assert len(outbox) == min(most, len(came)) == len(list(outbox))
    assert sum(outbox.dropped.values()) == len(lost)


@given(st.lists(kinds, max_size=30), st.integers(1, 10))
def test_what_matters_more_never_gives_way_to_what_matters_less(
    came: list[Kind], most: int
) -> None:
    outbox = Outbox(most)
    for kind in came:
        for lost in outbox.add(outbox.number(), kind, "{}"):
            lesser = GIVES_WAY[: GIVES_WAY.index(lost.kind)]
            assert not any(outbox.batch(one, 1) for one in lesser)


def test_a_batch_stays_until_it_is_settled_and_is_settled_once() -> None:
    outbox, _ = filled(10, ["trades"] * 3)
    first = outbox.batch("trades", 2)
    assert outbox.batch("trades", 2) == first
    assert outbox.remove(first) == first
    assert outbox.remove(first) == []
    assert len(outbox) == 1
    assert outbox.has_up_to(3)
    assert not outbox.has_up_to(2)


def test_a_batch_is_never_larger_than_a_desk_takes_unless_it_is_one_fact() -> None:
    outbox = Outbox(10)
    for length in (MOST_BYTES + 5, MOST_BYTES // 2, MOST_BYTES // 2, 10):
        outbox.add(outbox.number(), "trades", "x" * length)
    sizes = []
    while batch := outbox.batch("trades", 1000):
        sizes.append(len(batch))
        outbox.remove(batch)
    assert sizes == [1, 1, 2]


def test_what_there_is_no_room_for_is_counted_and_told_of_now_and_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    keeping = Keeping(None, room=10)
    for _ in range(10):
        keeping.put("observations", "{}")
    for _ in range(125):
        keeping.put("trades", "{}")
    assert len(keeping) == 10
    assert keeping.dropped == {"observations": 10, "trades": 115}
    assert [record.message.rpartition(": ")[2] for record in caplog.records] == [
        "1}", "10}", "90}",
    ]  # fmt: skip


def test_a_trade_and_its_correction_never_share_a_request() -> None:
    outbox = Outbox(100)
    for trade in ("a", "b", "a", "c", "a"):
        outbox.add(outbox.number(), "trades", json.dumps({"trade_id": trade}))
    sent = []
    while batch := outbox.batch("trades", 1000):
        sent.append([fact.number for fact in batch])
        outbox.remove(batch)
    assert sent == [[1, 2], [3, 4], [5]]
