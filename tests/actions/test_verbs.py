"""Verbs: what each one does, that twice is once, and what is refused with which code."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tiltyard.actions.apply import apply
from tiltyard.actions.verbs import PLANNERS, Obeyed, Situation, obey
from tiltyard.facts.action import PERSON, Action, Kind
from tiltyard.facts.arm import FLAT, PROPOSAL_LASTS, Arm, Proposal, Review, Roster, State
from tiltyard.facts.command import SAFETY, VERBS, Command, Verb
from tiltyard.kernel.errors import TiltyardError
from tiltyard.router.lifecycle import STATES
from tiltyard.scaling.ladder import ShareRules

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
RULES = ShareRules()
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
PROD, ARM, OTHER = "reinforcement_prod", "timesnet_a", "timesnet_b"
LATER = NOON + HOUR


def arm(name: str = ARM, state: State = "live", share: float = 0.1) -> Arm:
    return Arm(name, "challenger", state, share, 0.1, share, None, NOON)


def roster(*challengers: Arm, champion: str = PROD) -> Roster:
    """With ``prod`` as champion, ``flat`` behind it, and these."""
    flat = Arm(FLAT, "challenger", "deposed", 0, 1, 0, None, NOON, deposed_at=NOON - DAY)
    made = Roster().with_arm(flat)
    if champion == FLAT:
        made = Roster().with_arm(Arm(FLAT, "champion", "champion", 1, 1, 1, None, NOON))
    else:
        made = made.with_arm(Arm(champion, "champion", "champion", 1, 1, 1, None, NOON))
    for challenger in challengers:
        made = made.with_arm(challenger)
    return made


def proposed(state: Roster, policy: str = ARM) -> Roster:
    """With a promotion of ``policy`` that waits for a person."""
    return apply(state, Action("propose_promotion", policy, "ladder", "enforce", NOON))


def known_good(name: str, deposed_at: datetime, digest: str = "") -> Arm:
    return replace(arm(name, "deposed", 0.0), deposed_at=deposed_at, digest=digest)


def asked(
    state: Roster, verb: Verb, policy: str = "", *, now: datetime = LATER, reason: str = "",
    open_positions: Mapping[str, int] | None = None, rules: ShareRules = RULES, **arguments: str,
) -> Obeyed:  # fmt: skip
    command = Command("key", verb, policy, "ada", reason, now, arguments)
    flat = dict.fromkeys(state.arms, 0)
    return obey(
        command, Situation(state, rules, now, flat if open_positions is None else open_positions)
    )


def done(state: Roster, verb: Verb, policy: str = "", **more: str) -> Roster:
    """The roster after a verb; the same verb again must find nothing to do."""
    obeyed = asked(state, verb, policy, **more)  # type: ignore[arg-type]  # arguments of the verb
    for action in obeyed.actions:
        state = apply(state, action)
    again = asked(state, verb, policy, **more)  # type: ignore[arg-type]  # as above
    assert again.actions == ()
    assert again.text
    return state


def refused(state: Roster, verb: Verb, policy: str = "", **more: object) -> str:
    with pytest.raises(TiltyardError) as caught:
        asked(state, verb, policy, **more)  # type: ignore[arg-type]  # arguments of the verb
    return str(caught.value)


def test_every_verb_has_a_planner_but_those_that_need_the_ledger() -> None:
    assert set(PLANNERS) == set(VERBS) - {"register", "scale", "page", "drill"}


NAMES_AN_ARM: list[Verb] = ["halt", "throttle", "rollback", "rearm", "retire", "approve"]


@pytest.mark.parametrize("verb", NAMES_AN_ARM)
def test_an_arm_is_named_by_the_end_of_its_name(verb: Verb) -> None:
    state = roster(arm(), arm(OTHER))
    assert refused(state, verb, "gone").startswith("POLICY_UNKNOWN 'gone': no policy has")
    assert refused(state, verb, "").startswith("POLICY_UNKNOWN ''")
    state = roster(arm("one_x"), arm("two_x"))
    assert refused(state, verb, "x").startswith("POLICY_AMBIGUOUS x: 2 policies end so")


def test_what_a_person_does_is_recorded_with_the_reason_or_at_least_by_whom() -> None:
    state = roster(arm(share=0.2))
    expected = Action("throttle", ARM, PERSON, "enforce", LATER, before=0.2, after=0.0)
    assert asked(state, "throttle", "a", reason="odd fills").actions == (
        replace(expected, reason="odd fills"),
    )
    assert asked(state, "throttle", "a").actions == (replace(expected, reason="asked for by ada"),)


@pytest.mark.parametrize(
    ("verb", "state", "words"),
    [("throttle", "throttled", "throttled"), ("halt", "halted", "halted")],
)
def test_a_throttle_and_a_halt_give_the_traffic_to_the_champion_and_open_a_review(
    verb: Verb, state: State, words: str
) -> None:
    before = roster(arm(share=0.15), arm(OTHER))
    assert asked(before, verb, ARM).text == f"{ARM}: {words}, traffic 15.0 % to 0 %"
    after = done(before, verb, ARM)
    lost = after.arms[ARM]
    assert (lost.state, lost.share, lost.throttled_by) == (state, 0.0, PERSON)
    assert (after.champion().name, after.champion().share) == (PROD, 0.9)
    assert after.reviews == (Review(1, ARM, PERSON, LATER),)


@pytest.mark.parametrize("state", STATES)
def test_a_throttle_is_for_arms_on_trial(state: State) -> None:
    if state == "champion":
        said = refused(roster(), "throttle", PROD)
        assert said.startswith(f"TRANSITION_REFUSED {PROD}: a champion arm cannot throttle")
        return
    before = roster(replace(arm(state=state), throttled_by="some_guard"))
    if state in ("candidate", "deposed"):
        said = refused(before, "throttle", ARM)
        assert said == f"TRANSITION_REFUSED {ARM}: a {state} arm cannot throttle"
    elif state in ("probation", "live"):
        assert done(before, "throttle", ARM).arms[ARM].state == "throttled"
    else:
        whose = "" if state == "retired" else ", by some_guard"
        assert asked(before, "throttle", ARM) == Obeyed((), f"{ARM} is {state} already{whose}")


@pytest.mark.parametrize("state", STATES)
def test_a_halt_is_for_everybody_who_is_not_gone(state: State) -> None:
    if state == "champion":
        return
    before = roster(replace(arm(state=state), throttled_by="some_guard"))
    assert done(before, "halt", ARM).arms[ARM].state == (
        state if state in ("halted", "retired") else "halted"
    )


def test_a_halted_champion_leaves_the_throne_to_flat() -> None:
    before = roster(arm(share=0.25), known_good(OTHER, NOON))
    assert asked(before, "halt", PROD).text == (
        f"{PROD}: halted, traffic 75.0 % to 0 %; flat is the champion\n  to undo it: acknowledge "
        f"the review, re-arm, and tiltyard policy rollback flat --to {PROD}"
    )
    after = done(before, "halt", PROD)
    assert (after.champion().name, after.champion().share) == (FLAT, 0.75)
    assert (after.arms[PROD].state, after.arms[PROD].role) == ("halted", "challenger")


def test_a_champion_that_was_halted_by_mistake_comes_back_as_the_halt_has_said() -> None:
    halted = done(roster(arm(share=0.25)), "halt", PROD)
    back = done(done(halted, "acknowledge", number="1"), "rearm", PROD)
    assert back.arms[PROD].state == "probation"
    reigns = done(back, "rollback", FLAT, to=PROD)
    assert (reigns.champion().name, reigns.champion().share) == (PROD, 0.75)
    assert (reigns.arms[FLAT].state, reigns.arms[ARM].share) == ("deposed", 0.25)
    assert refused(reigns, "rollback", PROD, to=ARM).startswith("NOT_KNOWN_GOOD")


def test_nobody_is_rolled_back_who_is_no_champion() -> None:
    assert refused(roster(arm()), "rollback", ARM) == (
        f"TRANSITION_REFUSED {ARM}: not the champion; {PROD} is. name the champion that is to go"
    )


@pytest.mark.parametrize("champion", [PROD, FLAT])
@pytest.mark.parametrize("verb", ["halt", "retire", "rearm"])
def test_flat_neither_goes_nor_comes(verb: Verb, champion: str) -> None:
    assert refused(roster(arm(), champion=champion), verb, FLAT) == (
        "TRANSITION_REFUSED flat: it is the champion of last resort, and trades nothing"
    )


def test_flat_makes_way_for_a_known_good_one_without_being_halted() -> None:
    after = done(roster(arm(), known_good(OTHER, NOON), champion=FLAT), "rollback", FLAT)
    assert after.champion().name == OTHER
    assert after.arms[FLAT].state == "deposed"


def test_flat_stays_when_nobody_known_good_could_follow() -> None:
    state = roster(arm(), champion=FLAT)
    assert done(state, "rollback", FLAT) == state


@pytest.mark.parametrize("state", sorted(set(STATES) - {"champion"}))
def test_whoever_is_not_the_champion_may_be_retired(state: State) -> None:
    before = roster(arm(state=state, share=0.1 if state in ("probation", "live") else 0.0))
    after = done(before, "retire", ARM)
    assert (after.arms[ARM].state, after.arms[ARM].share) == ("retired", 0.0)
    assert after.champion().share == 1.0


def test_the_champion_is_not_retired() -> None:
    assert refused(roster(), "retire", PROD) == (
        f"TRANSITION_REFUSED {PROD}: it is the champion. roll back or promote first"
    )


def test_nobody_is_retired_with_open_positions() -> None:
    state = roster(arm(), arm(OTHER))
    for reason in ("", "closed by hand"):
        assert refused(state, "retire", ARM, open_positions={ARM: 1}, reason=reason) == (
            f"POSITIONS_OPEN {ARM}: open positions: 1, by its last mark and its trades since. "
            "halt it, and retire it when a mark says that nothing is open"
        )
    assert asked(state, "retire", ARM, open_positions={ARM: 0, OTHER: 3}).actions


@pytest.mark.parametrize("state", sorted(set(STATES) - {"champion", "candidate", "retired"}))
def test_whoever_retires_an_arm_of_which_nobody_knows_what_is_open_says_why(state: State) -> None:
    before = roster(arm(state=state, share=0.0), arm(OTHER))
    for known in ({OTHER: 0}, {ARM: None}):
        assert refused(before, "retire", ARM, open_positions=known, reason=" ") == (
            f"POSITIONS_UNKNOWN {ARM}: no mark since it lost its traffic, and since its last "
            "trade, says what is open. look, and say how you know that nothing is: --reason TEXT"
        )
    seen = asked(before, "retire", ARM, open_positions={}, reason="looked at the venue")
    (action,) = seen.actions
    assert action.reason == "looked at the venue"


def test_a_candidate_had_no_traffic_and_so_has_nothing_open() -> None:
    waits = roster(arm(state="candidate", share=0.0))
    assert asked(waits, "retire", ARM, open_positions={}).actions


def test_a_freeze_takes_the_traffic_of_all_challengers_until_a_person_resumes() -> None:
    before = roster(arm(share=0.3), arm(OTHER, "probation", 0.2))
    frozen = done(before, "freeze")
    assert frozen.challengers_frozen_by == {PERSON}
    assert frozen.champion().share == 1.0
    back = done(frozen, "resume")
    assert {a.name: a.share for a in back.arms.values()} == {
        FLAT: 0.0, PROD: 0.5, ARM: 0.3, OTHER: 0.2
    }  # fmt: skip


def test_a_person_may_freeze_and_stop_what_a_guard_has_frozen_and_stopped() -> None:
    state = replace(
        roster(arm()), challengers_frozen_by=frozenset({"a_guard"}),
        entries_stopped_by=frozenset({"a_guard"}),
    )  # fmt: skip
    assert done(state, "freeze").challengers_frozen_by == {"a_guard", PERSON}
    assert done(state, "stop_all").entries_stopped_by == {"a_guard", PERSON}


def test_stop_all_stops_entries_and_moves_no_share() -> None:
    before = roster(arm())
    stopped = done(before, "stop_all")
    assert stopped.entries_stopped_by == {PERSON}
    assert stopped.arms == before.arms
    allowed = done(stopped, "resume")
    assert not allowed.entries_stopped_by
    assert allowed.account_since is None, "nothing was lost, so nothing is forgiven"


def held(**holds: set[str]) -> Roster:
    made = {kind: frozenset(names) for kind, names in holds.items()}
    return replace(roster(arm()), **made)  # type: ignore[arg-type]  # fields of one type


def kinds_and_causes(obeyed: Obeyed) -> list[tuple[Kind, str]]:
    return [(action.kind, action.cause) for action in obeyed.actions]


STOPPED = "no entries for anyone, by person; to end it: tiltyard resume stop-all"
FROZEN = "no traffic for challengers, by person; to end it: tiltyard resume freeze"


def test_who_froze_and_stopped_may_end_the_one_and_keep_the_other() -> None:
    both = done(done(roster(arm()), "freeze"), "stop_all")
    thawed = asked(both, "resume", hold="freeze")
    assert kinds_and_causes(thawed) == [("unfreeze_challengers", PERSON)]
    assert thawed.text == f"no longer on hold by freeze\n  still on hold: {STOPPED}"
    allowed = asked(both, "resume", hold="stop-all")
    assert kinds_and_causes(allowed) == [("allow_entries", PERSON)]
    assert allowed.text == f"no longer on hold by stop-all\n  still on hold: {FROZEN}"
    only_stopped = done(both, "resume", hold="freeze")
    assert not only_stopped.challengers_frozen_by
    assert only_stopped.entries_stopped_by == {PERSON}
    assert asked(only_stopped, "resume", hold="freeze").text == (
        f"nothing is on hold by freeze\n  still on hold: {STOPPED}"
    )
    assert not done(only_stopped, "resume", hold="stop-all").holds()


@pytest.mark.parametrize("name", ["", PERSON])
def test_who_froze_and_stopped_has_to_say_which_of_both_ends(name: str) -> None:
    both = done(done(roster(arm()), "freeze"), "stop_all")
    assert refused(both, "resume", hold=name) == (
        "HOLD_UNNAMED resume: no entries for anyone, by person; no traffic for challengers, by "
        "person. say which ends: tiltyard resume stop-all, tiltyard resume freeze"
    )


@pytest.mark.parametrize("name", ["", PERSON, "freeze"])
def test_the_one_thing_that_a_person_has_put_on_hold_needs_no_name(name: str) -> None:
    state = replace(held(ramp_frozen_by={"a_guard"}), entries_stopped_by=frozenset({"deadman"}))
    frozen = done(state, "freeze")
    obeyed = asked(frozen, "resume", hold=name)
    assert kinds_and_causes(obeyed) == [("unfreeze_challengers", PERSON)]
    assert obeyed.text == (
        "no longer on hold by freeze\n"
        "  still on hold: no entries for anyone, by deadman; to end it: tiltyard resume deadman\n"
        "  still on hold: no share grows, by a_guard; to end it: tiltyard resume a_guard"
    )


def test_what_no_person_asked_for_ends_by_its_name_only() -> None:
    state = held(entries_stopped_by={"a_guard"}, challengers_frozen_by={"a_guard", "deadman"})
    assert refused(state, "resume") == (
        "HOLD_UNNAMED resume: no entries for anyone, by a_guard; no traffic for challengers, by "
        "a_guard; no traffic for challengers, by deadman. say which ends: tiltyard resume a_guard, "
        "tiltyard resume deadman"
    )
    assert asked(state, "resume", hold=PERSON).actions == ()
    after = done(done(state, "resume", hold="deadman"), "resume", hold="freeze")
    assert after.holds() == {"a_guard"}


def test_resume_ends_the_holds_of_one_name_and_an_account_that_was_stopped_begins_anew() -> None:
    state = held(
        entries_stopped_by={"b_guard", "a_guard"}, challengers_frozen_by={"a_guard"},
        ramp_frozen_by={"a_guard"},
    )  # fmt: skip
    obeyed = asked(state, "resume", hold="a_guard")
    assert kinds_and_causes(obeyed) == [
        ("allow_entries", "a_guard"), ("unfreeze_challengers", "a_guard"),
        ("unfreeze_ramp", "a_guard"),
    ]  # fmt: skip
    assert obeyed.text.startswith("no longer on hold by a_guard\n")
    for action in obeyed.actions:
        state = apply(state, action)
    assert state.holds() == {"b_guard"}
    assert state.account_since == LATER
    assert refused(state, "resume", hold="a_guard") == (
        "HOLD_UNKNOWN a_guard: it holds nothing. on hold by: b_guard"
    )


def test_nothing_on_hold_is_nothing_to_resume() -> None:
    assert asked(roster(arm()), "resume") == Obeyed((), "nothing is on hold")
    assert asked(roster(arm()), "resume", hold="a_guard") == Obeyed((), "nothing is on hold")


def test_what_is_given_back_after_a_freeze_leaves_the_champion_its_floor_of_today() -> None:
    frozen = done(roster(arm(share=0.3), arm(OTHER, share=0.3)), "freeze")
    stricter = replace(RULES, champion_floor=0.5)
    for action in asked(frozen, "resume", rules=stricter).actions:
        frozen = apply(frozen, action)
    assert (frozen.arms[ARM].share, frozen.arms[OTHER].share) == (0.3, 0.2)
    assert frozen.champion().share == 0.5


def test_a_review_is_acknowledged_once() -> None:
    state = done(done(roster(arm(), arm(OTHER)), "halt", ARM), "halt", OTHER)
    (action,) = asked(state, "acknowledge", number="2").actions
    assert (action.policy, action.cause, action.number) == (OTHER, PERSON, 2)
    after = done(state, "acknowledge", number="2")
    assert [review.acknowledged_at for review in after.reviews] == [None, LATER]
    assert asked(after, "acknowledge", number="2").text == (
        f"review 2 of {OTHER} is acknowledged already"
    )


def test_an_old_review_that_is_not_read_again_is_known_to_be_acknowledged() -> None:
    newest = (Review(7, ARM, "pf_30", NOON, NOON), Review(9, ARM, "pf_30", NOON))
    state = replace(roster(arm()), reviews=newest)
    assert asked(state, "acknowledge", number="8").text == "review 8 is acknowledged already"
    assert refused(state, "acknowledge", number="10").startswith("REVIEW_UNKNOWN 10")


def test_nobody_has_looked_at_a_review_before_it_was_opened() -> None:
    state = done(roster(arm()), "halt", ARM)
    assert refused(state, "acknowledge", number="1", now=NOON) == (
        "REVIEW_NEWER 1: it was opened at 2025-07-07T13:00:00Z, after this was asked at "
        "2025-07-07T12:00:00Z. look first: tiltyard review ack 1"
    )


@pytest.mark.parametrize(("number", "subject"), [("3", "3"), ("0", "0"), ("x", "x")])
def test_a_review_that_is_not_there_is_refused(number: str, subject: str) -> None:
    state = done(roster(arm()), "halt", ARM)
    assert refused(state, "acknowledge", number=number) == (
        f"REVIEW_UNKNOWN {subject}: no review has this number. see: tiltyard review list"
    )
    assert refused(state, "acknowledge").startswith("REVIEW_UNKNOWN review: no review has")


@pytest.mark.parametrize("verb", ["throttle", "halt"])
def test_an_arm_is_re_armed_after_somebody_looked(verb: Verb) -> None:
    taken = done(roster(arm(share=0.3)), verb, ARM)
    assert refused(taken, "rearm", ARM) == (
        f"REVIEW_OPEN {ARM}: review 1 of it is not acknowledged. first: tiltyard review ack 1"
    )
    looked = done(taken, "acknowledge", number="1")
    back = done(looked, "rearm", ARM)
    subject = back.arms[ARM]
    assert (subject.state, subject.share, subject.ceiling, subject.trial_started_at) == (
        "probation", 0.1, 0.15, LATER
    )  # fmt: skip
    assert asked(back, "rearm", ARM).text == f"{ARM} is on trial already (probation)"
    assert asked(roster(arm()), "rearm", ARM).text == f"{ARM} is on trial already (live)"


def test_all_open_reviews_are_named_and_an_advisory_one_blocks_nobody() -> None:
    taken = done(done(roster(arm()), "throttle", ARM), "halt", ARM)
    assert "review 1 2 of it is not acknowledged. first: tiltyard review ack 1" in refused(
        taken, "rearm", ARM
    )
    looked = done(done(taken, "acknowledge", number="1"), "acknowledge", number="2")
    advised = apply(looked, Action("review", ARM, "losses", "enforce", NOON))
    assert advised.open_reviews(ARM)
    assert asked(advised, "rearm", ARM).actions


@pytest.mark.parametrize("state", ["candidate", "retired", "champion"])
def test_only_what_lost_its_traffic_is_re_armed(state: State) -> None:
    name = PROD if state == "champion" else ARM
    before = roster() if state == "champion" else roster(arm(state=state, share=0.0))
    assert refused(before, "rearm", name) == (
        f"TRANSITION_REFUSED {name}: a {state} arm cannot rearm"
    )


HOLDS = ["ramp_frozen_by", "challengers_frozen_by", "entries_stopped_by"]


@pytest.mark.parametrize("hold", HOLDS)
def test_nobody_is_given_anything_while_anything_is_on_hold(hold: str) -> None:
    state = proposed(roster(arm(), arm(OTHER, "halted", 0.0)))
    state = replace(state, **{hold: frozenset({"b", "a"})})  # type: ignore[arg-type]  # one of three fields
    assert refused(state, "rearm", OTHER) == (
        f"ON_HOLD {OTHER}: on hold by a, b. first: tiltyard resume a, tiltyard resume b"
    )
    assert refused(state, "approve", ARM).startswith(f"ON_HOLD {ARM}: on hold by a, b")


@pytest.mark.parametrize(("taken", "fits"), [(0.5, True), (0.500001, False), (0.7, False)])
def test_a_re_armed_arm_needs_room(taken: float, *, fits: bool) -> None:
    state = roster(arm(state="halted", share=0.0), arm(OTHER, share=taken))
    if fits:
        assert asked(state, "rearm", ARM).actions[0].after == 0.1
    else:
        assert refused(state, "rearm", ARM).startswith(
            f"NO_ROOM {ARM}: it starts with 10.0 %, and above the champion's floor "
        )


def test_a_former_champion_is_re_armed_like_any_challenger() -> None:
    gone = done(roster(arm()), "halt", PROD)
    assert gone.arms[PROD].start_share == 1.0
    back = done(done(gone, "acknowledge", number="1"), "rearm", PROD)
    subject = back.arms[PROD]
    assert (subject.state, subject.share, subject.start_share) == ("probation", 0.1, 0.1)
    assert back.champion().name == FLAT


def test_an_approved_challenger_is_the_champion_and_the_former_is_known_good() -> None:
    state = proposed(proposed(roster(arm(share=0.6), arm(OTHER, share=0.0))), OTHER)
    obeyed = asked(state, "approve", ARM)
    assert obeyed.text == f"{ARM}: champion, approved by ada; {PROD} is kept as known-good"
    (action,) = obeyed.actions
    assert (action.kind, action.cause, action.before, action.after, action.number) == (
        "crown", "promotion", 0.6, 1.0, 1
    )  # fmt: skip
    after = done(state, "approve", ARM)
    assert (after.champion().name, after.champion().share) == (ARM, 1.0)
    assert (after.arms[PROD].state, after.arms[PROD].deposed_at) == ("deposed", LATER)
    assert [proposal.outcome for proposal in after.proposals] == ["approved", ""]
    assert asked(after, "approve", ARM).text == f"{ARM} is the champion already"


def test_what_nobody_proposed_is_not_approved() -> None:
    state = proposed(roster(arm(), arm(OTHER)), OTHER)
    doubt = apply(state, Action("propose_rollback", ARM, "guard", "enforce", NOON))
    assert refused(doubt, "approve", ARM).startswith(f"PROPOSAL_MISSING {ARM}: nobody has")


@pytest.mark.parametrize(
    ("age", "over"),
    [(PROPOSAL_LASTS - SECOND, False), (PROPOSAL_LASTS, True), (PROPOSAL_LASTS + SECOND, True)],
)
def test_a_proposal_is_approved_within_48_hours(age: timedelta, *, over: bool) -> None:
    state = proposed(roster(arm()))
    if over:
        assert refused(state, "approve", ARM, now=NOON + age).startswith(
            f"PROPOSAL_EXPIRED {ARM}: it was to be approved by 2025-07-09 12:00"
        )
    else:
        assert asked(state, "approve", ARM, now=NOON + age).actions


def test_a_proposed_arm_with_an_open_review_is_not_approved() -> None:
    state = proposed(roster(arm()))
    state = replace(state, reviews=(Review(1, ARM, "guard", NOON),))
    assert refused(state, "approve", ARM).startswith(f"REVIEW_OPEN {ARM}: review 1")


def test_a_proposed_arm_that_is_not_live_any_more_is_not_approved() -> None:
    state = proposed(roster(arm()))
    state = state.with_arm(replace(state.arms[ARM], state="probation"))
    assert refused(state, "approve", ARM) == (
        f"TRANSITION_REFUSED {ARM}: a probation arm cannot crown"
    )


def test_a_rollback_halts_the_champion_and_crowns_the_last_known_good() -> None:
    state = roster(
        arm(share=0.2), known_good("older", NOON - 2 * DAY), known_good("newer", NOON - DAY)
    )
    obeyed = asked(state, "rollback", PROD)
    assert [(a.kind, a.policy, a.cause) for a in obeyed.actions] == [
        ("halt", PROD, "rollback"), ("crown", "newer", "rollback")
    ]  # fmt: skip
    assert obeyed.text == f"newer: champion; {PROD} is halted"
    after = done(state, "rollback", PROD)
    assert (after.champion().name, after.champion().share) == ("newer", 0.8)
    assert (after.arms[PROD].state, after.arms[PROD].deposed_at) == ("halted", None)
    assert after.reviews == (Review(1, PROD, "rollback", LATER),)
    assert asked(after, "rollback", PROD).text == f"{PROD} is not the champion; newer is"


def test_without_a_known_good_champion_flat_takes_over() -> None:
    state = roster(arm(share=0.2))
    assert [action.kind for action in asked(state, "rollback", PROD).actions] == ["halt"]
    after = done(state, "rollback", PROD)
    assert (after.champion().name, after.champion().share) == (FLAT, 0.8)


def test_a_known_good_champion_is_chosen_by_name_and_pinned_by_digest() -> None:
    state = roster(
        known_good("bot_older", NOON - 2 * DAY, "abc"), known_good("bot_newer", NOON - DAY, "def")
    )
    chosen = asked(state, "rollback", PROD, to="older", digest="abc")
    assert chosen.text == f"bot_older: champion, digest abc; {PROD} is halted"
    assert done(state, "rollback", PROD, to="older").champion().name == "bot_older"
    assert done(state, "rollback", PROD, to=FLAT).champion().name == FLAT
    assert refused(state, "rollback", PROD, digest="abc") == (
        "DIGEST_DIFFERS bot_newer: it is registered with digest def, and abc was asked for. "
        "see: tiltyard policy list"
    )
    assert "registered with digest none" in refused(state, "rollback", PROD, to=FLAT, digest="abc")


def test_only_what_was_a_champion_in_good_standing_is_rolled_back_to() -> None:
    state = roster(arm(), known_good(OTHER, NOON))
    assert refused(state, "rollback", PROD, to=ARM) == (
        f"NOT_KNOWN_GOOD {ARM}: it is live, and was no champion in good standing. "
        f"roll back to one of: flat, {OTHER}"
    )
    assert refused(state, "rollback", PROD, to="gone").startswith("POLICY_UNKNOWN 'gone'")


def test_a_rollback_without_flat_is_refused() -> None:
    alone = Roster().with_arm(Arm(PROD, "champion", "champion", 1, 1, 1, None, NOON))
    assert refused(alone, "rollback", PROD) == (
        "CHAMPION_MISSING flat: no flat policy to fall back on"
    )


@pytest.mark.parametrize(("verb", "outcome"), [("rollback", "approved"), ("halt", "withdrawn")])
def test_a_proposal_to_roll_back_is_approved_by_the_rollback(verb: Verb, outcome: str) -> None:
    doubted = proposed(roster(arm(), known_good(OTHER, NOON)))
    doubted = apply(doubted, Action("propose_rollback", PROD, "guard", "enforce", NOON))
    after = done(doubted, verb, PROD)
    assert [(each.kind, each.outcome) for each in after.proposals] == [
        ("promotion", ""), ("rollback", outcome)
    ]  # fmt: skip


PENDING: list[tuple[Verb, str, str]] = [
    ("halt", ARM, "withdrawn"),
    ("throttle", ARM, "withdrawn"),
    ("retire", ARM, "withdrawn"),
    ("halt", OTHER, ""),
    ("throttle", OTHER, ""),
    ("retire", OTHER, ""),
    ("freeze", "", ""),
    ("stop_all", "", ""),
    ("resume", "", ""),
    ("rollback", PROD, ""),
    ("halt", PROD, ""),
    ("rearm", "halted_one", ""),
    ("approve", ARM, "approved"),
]


@pytest.mark.parametrize(("verb", "policy", "outcome"), PENDING)
def test_a_promotion_that_is_pending_stands_in_nobodys_way(
    verb: Verb, policy: str, outcome: str
) -> None:
    before = roster(arm(share=0.4), arm(OTHER), arm("halted_one", "halted", 0.0))
    if verb == "resume":
        frozen = done(before, "freeze")
        assert (
            proposed(done(proposed(frozen), verb, policy)).proposals == proposed(before).proposals
        )
    pending = proposed(before)
    (proposal,) = done(pending, verb, policy).proposals
    assert proposal.outcome == outcome
    assert proposal.closed_at == (LATER if outcome else None)
    if verb not in ("approve", "resume"):
        undisturbed, disturbed = done(before, verb, policy), done(pending, verb, policy)
        assert replace(disturbed, proposals=()) == undisturbed


def test_acknowledging_works_while_a_promotion_is_pending() -> None:
    pending = proposed(done(roster(arm(), arm(OTHER)), "halt", OTHER))
    after = done(pending, "acknowledge", number="1")
    assert [each.outcome for each in after.proposals] == [""]


@pytest.mark.parametrize("verb", sorted(SAFETY))
def test_a_safety_verb_works_whatever_is_on_hold_or_under_review(verb: Verb) -> None:
    policy = {"rollback": PROD, "halt": ARM, "throttle": ARM}.get(verb, "")
    state = replace(
        roster(arm()), reviews=(Review(1, ARM, "guard", NOON), Review(2, PROD, "guard", NOON)),
        ramp_frozen_by=frozenset({"guard"}), challengers_frozen_by=frozenset({"guard"}),
        entries_stopped_by=frozenset({"guard"}),
    )  # fmt: skip
    assert asked(state, verb, policy).actions
    done(state, verb, policy)


def test_a_known_good_champion_without_a_date_is_not_the_last_one() -> None:
    undated = replace(known_good(OTHER, NOON), deposed_at=None)
    assert done(roster(undated), "rollback", PROD).champion().name == FLAT
    assert done(roster(undated), "rollback", PROD, to=OTHER).champion().name == OTHER


def test_proposals_are_kept_for_ever() -> None:
    state = done(proposed(roster(arm())), "halt", ARM)
    assert state.proposals == (
        Proposal(1, "promotion", ARM, NOON, "", closed_at=LATER, outcome="withdrawn"),
    )


ACTS: dict[Verb, Kind] = {
    "halt": "halt", "throttle": "throttle", "retire": "retire", "freeze": "freeze_challengers",
    "stop_all": "stop_entries", "rearm": "rearm", "approve": "crown",
}  # fmt: skip


@pytest.mark.parametrize("verb", sorted(ACTS))
def test_a_verb_is_one_enforced_action_of_its_kind(verb: Verb) -> None:
    state = proposed(roster(arm(), arm(OTHER, "halted", 0.0)))
    policy = {"freeze": "", "stop_all": "", "rearm": OTHER}.get(verb, ARM)
    (action,) = asked(state, verb, policy).actions
    assert (action.kind, action.policy, action.mode, action.at) == (
        ACTS[verb], policy, "enforce", LATER
    )  # fmt: skip
