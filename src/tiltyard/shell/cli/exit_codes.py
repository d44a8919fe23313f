"""What the command line exits with, for every error code.

Whoever reads 1 looks at the machine, the database or the record; whoever reads 2 looks
at what was typed, configured or handed in. A code is in one of the two sets, and
``docs/reference/errors.md`` says the same.
"""

from tiltyard.kernel.errors import TiltyardError

INTERRUPTED = 130
FAILED = 1
WRONG = 2

FAILURES = frozenset(
    {
        "AUDIT_BROKEN",
        "AUDIT_EMPTY",
        "CHAMPION_MISSING",
        "CHECKLIST_DIFFERS",
        "COMMAND_EXPIRED",
        "COMMAND_FAILED",
        "COMMAND_WAITING",
        "DATABASE_CORRUPT",
        "DATABASE_FULL",
        "DATABASE_LOCKED",
        "DATABASE_READ_ONLY",
        "DATABASE_REPLACED",
        "DATABASE_UNREACHABLE",
        "FACTS_DIFFER",
        "FLOOR_UNREADABLE",
        "HEAD_UNKNOWN",
        "LEASE_HELD",
        "LEASE_LOST",
        "METRICS_DIFFER",
        "METRICS_VERSION_DIFFERS",
        "METRIC_TWICE",
        "PAGE_UNWRITABLE",
        "POLICY_KIND_TWICE",
        "PROJECTION_DIFFERS",
        "REPLAY_OUTDATED",
        "REPLAY_UNFINISHED",
        "ROSTER_CHANGED",
        "SETTINGS_DIFFER",
        "SOURCE_LOCKED",
        "SYSTEM_REFUSED",
        "TARGET_REFUSED",
        "TARGET_UNREACHABLE",
        "TRADE_EDITED",
        "TRADING_FAILED",
        "TRADE_OUT_OF_ORDER",
        "VERDICTS_DIFFER",
    }
)
"""The record does not verify, or the machine, the database or the program let us down."""

MISTAKES = frozenset(
    {
        "ACCOUNT_DIFFERS",
        "CAPITAL_UNKNOWN",
        "COMMAND_OVERTAKEN",
        "COMMAND_UNREADABLE",
        "DESK_OBSERVES",
        "DIGEST_DIFFERS",
        "HOLD_UNKNOWN",
        "HOLD_UNNAMED",
        "KEY_TAKEN",
        "VERB_UNKNOWN",
        "NOT_KNOWN_GOOD",
        "NO_ROOM",
        "ON_HOLD",
        "POSITIONS_OPEN",
        "POSITIONS_UNKNOWN",
        "PROPOSAL_EXPIRED",
        "PROPOSAL_MISSING",
        "REVIEW_OPEN",
        "REVIEW_NEWER",
        "REVIEW_UNKNOWN",
        "CAPITAL_INVALID",
        "CHAMPION_EXISTS",
        "CHECKLIST_INVALID",
        "COLUMNS_MISSING",
        "FEED_MISSING",
        "FEED_MIXED",
        "FEED_REFUSED",
        "FEED_UNNAMED",
        "FEED_UNREADABLE",
        "TIMES_INVALID",
        "COMPARISON_INVALID",
        "CONFIG_EXISTS",
        "CONFIG_INVALID",
        "CONFIG_MISSING",
        "CONFIG_UNREADABLE",
        "CONFIRMATION_INVALID",
        "DATABASE_ENCODING",
        "DATABASE_FOREIGN",
        "DATABASE_MISSING",
        "DATABASE_NEWER",
        "DATABASE_OUTDATED",
        "DATABASE_URL_INVALID",
        "DATA_MISSING",
        "FACT_DIFFERS",
        "FACT_INVALID",
        "FEATURE_UNKNOWN",
        "FIELD_UNKNOWN",
        "GUARD_UNKNOWN",
        "INGEST_REFUSED",
        "LANE_TAKEN",
        "MAP_INVALID",
        "METRIC_UNKNOWN",
        "MONEY_INVALID",
        "OBSERVATION_INVALID",
        "OPTION_IDLE",
        "ORDER_INVALID",
        "POLICY_AMBIGUOUS",
        "POLICY_KIND_UNKNOWN",
        "POLICY_NAME_INVALID",
        "POLICY_REGISTERED",
        "POLICY_RESERVED",
        "POLICY_SHA_TAKEN",
        "POLICY_UNKNOWN",
        "RECORD_CLOSED",
        "REDUCE_ONLY",
        "REPLAY_EMPTY",
        "SCRATCH_EXISTS",
        "SEAT_MISSING",
        "SHARES_EXCEED_ONE",
        "SHARES_INVALID",
        "SHARE_INVALID",
        "SOURCE_EMPTY",
        "SOURCE_HEADER_INVALID",
        "SOURCE_MISSING",
        "SOURCE_RENAMED",
        "SOURCE_UNKNOWN",
        "SOURCE_UNREADABLE",
        "SOURCE_UNTAGGED",
        "SPAN_INVALID",
        "TEXT_TOO_LONG",
        "TIME_INVALID",
        "TIME_NAIVE",
        "TRADES_FAULTY",
        "TRANSITION_REFUSED",
    }
)
"""Something typed, configured or handed in wants mending."""


def exit_code(error: TiltyardError) -> int:
    """1 for a failure, 2 for a mistake."""
    return FAILED if error.code in FAILURES else WRONG
