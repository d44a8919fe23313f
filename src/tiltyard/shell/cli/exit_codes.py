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
        "TRADE_OUT_OF_ORDER",
        "VERDICTS_DIFFER",
    }
)
"""The record does not verify, or the machine, the database or the program let us down."""

MISTAKES = frozenset(
    {
        "ACCOUNT_DIFFERS",
        "CAPITAL_INVALID",
        "CAPITAL_UNKNOWN",
        "CHAMPION_EXISTS",
        "CHECKLIST_INVALID",
        "CLIENT_INVALID",
        "COLUMNS_MISSING",
        "COMMAND_OVERTAKEN",
        "COMMAND_UNREADABLE",
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
        "DESK_OBSERVES",
        "DIGEST_DIFFERS",
        "FACT_DIFFERS",
        "FACT_INVALID",
        "FEATURE_UNKNOWN",
        "FEED_UNNAMED",
        "FEED_UNREADABLE",
        "FIELD_UNKNOWN",
        "GUARD_UNKNOWN",
        "HOLD_UNKNOWN",
        "HOLD_UNNAMED",
        "INGEST_REFUSED",
        "KEY_TAKEN",
        "LANE_TAKEN",
        "MAP_INVALID",
        "METRIC_UNKNOWN",
        "MONEY_INVALID",
        "NOT_KNOWN_GOOD",
        "NO_ROOM",
        "OBSERVATION_INVALID",
        "ON_HOLD",
        "OPTION_IDLE",
        "ORDER_INVALID",
        "POLICY_AMBIGUOUS",
        "POLICY_KIND_UNKNOWN",
        "POLICY_NAME_INVALID",
        "POLICY_REGISTERED",
        "POLICY_RESERVED",
        "POLICY_SHA_TAKEN",
        "POLICY_UNKNOWN",
        "POSITIONS_OPEN",
        "POSITIONS_UNKNOWN",
        "PROPOSAL_EXPIRED",
        "PROPOSAL_MISSING",
        "RECORD_CLOSED",
        "REDUCE_ONLY",
        "REPLAY_EMPTY",
        "REVIEW_NEWER",
        "REVIEW_OPEN",
        "REVIEW_UNKNOWN",
        "SCRATCH_EXISTS",
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
        "SPOOL_UNUSABLE",
        "TEXT_TOO_LONG",
        "TIMES_INVALID",
        "TIME_INVALID",
        "TIME_NAIVE",
        "TRADES_FAULTY",
        "TRANSITION_REFUSED",
        "VERB_UNKNOWN",
    }
)
"""Something typed, configured or handed in wants mending."""


def exit_code(error: TiltyardError) -> int:
    """1 for a failure, 2 for a mistake."""
    return FAILED if error.code in FAILURES else WRONG
