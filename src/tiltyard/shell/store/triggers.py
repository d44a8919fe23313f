"""What the database itself does when somebody edits a share by SQL.

Our own writes raise ``bandit_arms.revision``; any other update does not, and is caught by
a trigger. A share grows no further than the arm's ceiling and the room above the
champion's floor, and not at all while anything is on hold; who asks for more never gets
less than there was. The champion is given the rest, whatever was asked for it. What was
asked and what came of it is recorded. A share that was raised has had its multiplication
of the trading day: its ceiling comes down to it. On a later trading day, as the table of
their starts has it, an arm on trial has room for one more, whether or not anybody has
raised its ceiling since; a multiplication that lies further ahead than a clock is set back is
not believed. What is no number is refused.

On Postgres the rows are clamped before they are written, and the champion is given the
rest at the end of the statement, so that one statement may edit any number of rows. Who
edits queues behind others who do, since neither sees the room that the other takes. Our
own writers keep edits out by a lock of the table; they must not wait for this queue while
somebody in it waits for them, so its key is not that of the write lock. Whoever has had to
wait must see what the others did: an edit in a transaction that looks at the past, REPEATABLE
READ or SERIALIZABLE, is refused. The functions look only at the tables of our own schema,
whatever the path of whoever edits.
"""

from datetime import timedelta

from tiltyard.scaling.ladder import BELIEVED_AHEAD

EDIT_LOCK = int.from_bytes(b"tiltedit", "big")
"""Key of the advisory lock of those who edit."""

_SQLITE_NOW = "CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000"
_POSTGRES_NOW = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint"
_FLOOR = "COALESCE((SELECT champion_floor FROM share_bounds), 0.4)"
_CAP = "COALESCE((SELECT cap FROM share_bounds), 0.6)"
_GIVEN = """
    SELECT COALESCE(SUM(others.traffic_allocation), 0.0)
    FROM bandit_arms AS others JOIN policies ON policies.id = others.policy_id
    WHERE policies.role = 'challenger'
"""
_BELIEVED_AHEAD = BELIEVED_AHEAD // timedelta(microseconds=1)
_CHAMPION = "(SELECT id FROM policies WHERE role = 'champion')"


def _ceiling(now: str, most: str, least: str, rounded: str) -> str:
    """The arm's ceiling, or that of a trading day on which it was not multiplied yet."""
    today = f"(SELECT MAX(starts_at) FROM trading_days WHERE starts_at <= {now})"
    return f"""(CASE
        WHEN OLD.ceiling > 0 AND {today} IS NOT NULL
             AND (OLD.scaled_at IS NULL OR OLD.scaled_at < {today}
                  OR OLD.scaled_at > {now} + {_BELIEVED_AHEAD})
        THEN {most}(OLD.ceiling, {least}({_CAP}, {rounded}))
        ELSE OLD.ceiling END)"""


_SQLITE_CEILING = _ceiling(_SQLITE_NOW, "MAX", "MIN", "ROUND(OLD.traffic_allocation * 1.5, 12)")
_POSTGRES_CEILING = _ceiling(
    _POSTGRES_NOW, "GREATEST", "LEAST",
    "ROUND((OLD.traffic_allocation * 1.5)::numeric, 12)::double precision",
)  # fmt: skip

SQLITE = (
    """
CREATE TRIGGER bandit_arms_edited_number BEFORE UPDATE ON bandit_arms
FOR EACH ROW WHEN typeof(NEW.traffic_allocation) NOT IN ('real', 'integer')
BEGIN
    SELECT RAISE(ABORT, 'traffic_allocation is not a number');
END
""",
    f"""
CREATE TRIGGER bandit_arms_edited AFTER UPDATE ON bandit_arms
FOR EACH ROW WHEN NEW.revision <= OLD.revision
BEGIN
    UPDATE bandit_arms
    SET traffic_allocation = CASE
            WHEN NEW.policy_id = {_CHAMPION} THEN OLD.traffic_allocation
            ELSE ROUND(MAX(0.0, MIN(
                NEW.traffic_allocation,
                CASE WHEN EXISTS (SELECT 1 FROM holds) THEN OLD.traffic_allocation
                ELSE MAX(OLD.traffic_allocation, MIN(
                    {_SQLITE_CEILING},
                    1.0 - {_FLOOR} - ({_GIVEN} AND others.policy_id <> NEW.policy_id)
                )) END
            )), 12) END,
        ceiling = OLD.ceiling,
        scaled_at = OLD.scaled_at,
        revision = OLD.revision + 1,
        updated_at = {_SQLITE_NOW}
    WHERE policy_id = NEW.policy_id;
    UPDATE bandit_arms
    SET ceiling = traffic_allocation, scaled_at = updated_at, revision = revision + 1
    WHERE policy_id = NEW.policy_id AND traffic_allocation > OLD.traffic_allocation;
    INSERT INTO external_edits (policy_id, at, before, asked, after, ceiling)
    SELECT policy_id, updated_at, OLD.traffic_allocation, NEW.traffic_allocation,
           traffic_allocation, ceiling
    FROM bandit_arms WHERE policy_id = NEW.policy_id;
    UPDATE bandit_arms
    SET traffic_allocation = ROUND(1.0 - ({_GIVEN}), 12),
        revision = revision + 1,
        updated_at = {_SQLITE_NOW}
    WHERE policy_id = {_CHAMPION};
END
""",
)

OUR_SCHEMA = "SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true)"
"""What functions that are made after it look at, whatever the path of whoever wakes them."""
_FUNCTION = "RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS"

POSTGRES = (
    OUR_SCHEMA,
    f"""
CREATE FUNCTION bandit_arms_queue() {_FUNCTION} $$
BEGIN
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RAISE 'shares are edited in READ COMMITTED, not in %',
            upper(current_setting('transaction_isolation'))
            USING ERRCODE = 'invalid_transaction_state',
                  HINT = 'This transaction cannot see what is on hold by now.';
    END IF;
    PERFORM pg_advisory_xact_lock({EDIT_LOCK});
    RETURN NULL;
END $$
""",
    f"""
CREATE FUNCTION bandit_arms_clamp() {_FUNCTION} $$
DECLARE
    asked double precision := NEW.traffic_allocation;
    most double precision := OLD.traffic_allocation;
BEGIN
    IF asked IS NULL OR asked = 'NaN' THEN
        RAISE 'traffic_allocation is not a number' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM holds) THEN
        most := GREATEST(most, LEAST(
            {_POSTGRES_CEILING}, 1.0 - {_FLOOR} - ({_GIVEN} AND others.policy_id <> NEW.policy_id)
        ));
    END IF;
    NEW.traffic_allocation := ROUND(
        GREATEST(0.0, LEAST(asked, most))::numeric, 12
    )::double precision;
    NEW.ceiling := OLD.ceiling;
    NEW.scaled_at := OLD.scaled_at;
    NEW.revision := OLD.revision + 1;
    NEW.updated_at := {_POSTGRES_NOW};
    IF NEW.policy_id = {_CHAMPION} THEN
        NEW.traffic_allocation := OLD.traffic_allocation;
    ELSIF NEW.traffic_allocation > OLD.traffic_allocation THEN
        NEW.ceiling := NEW.traffic_allocation;
        NEW.scaled_at := NEW.updated_at;
    END IF;
    INSERT INTO external_edits (policy_id, at, before, asked, after, ceiling)
    VALUES (NEW.policy_id, NEW.updated_at, OLD.traffic_allocation, asked,
            NEW.traffic_allocation, NEW.ceiling);
    PERFORM set_config('tiltyard.edited', 'yes', true);
    RETURN NEW;
END $$
""",
    f"""
CREATE FUNCTION bandit_arms_balance() {_FUNCTION} $$
BEGIN
    IF current_setting('tiltyard.edited', true) = 'yes' THEN
        PERFORM set_config('tiltyard.edited', '', true);
        UPDATE bandit_arms
        SET traffic_allocation = ROUND((1.0 - ({_GIVEN}))::numeric, 12)::double precision,
            revision = revision + 1,
            updated_at = {_POSTGRES_NOW}
        WHERE policy_id = {_CHAMPION};
    END IF;
    RETURN NULL;
END $$
""",
    """
CREATE TRIGGER bandit_arms_edited_queue BEFORE UPDATE ON bandit_arms
FOR EACH STATEMENT EXECUTE FUNCTION bandit_arms_queue()
""",
    """
CREATE TRIGGER bandit_arms_edited BEFORE UPDATE ON bandit_arms
FOR EACH ROW WHEN (NEW.revision <= OLD.revision) EXECUTE FUNCTION bandit_arms_clamp()
""",
    """
CREATE TRIGGER bandit_arms_edited_rows AFTER UPDATE ON bandit_arms
FOR EACH STATEMENT EXECUTE FUNCTION bandit_arms_balance()
""",
)

SQLITE_GONE = tuple(
    f"DROP TRIGGER IF EXISTS {name}" for name in ("bandit_arms_edited_number", "bandit_arms_edited")
)
"""They are not there any more; a migration makes them anew after that."""

POSTGRES_GONE = tuple(
    f"DROP FUNCTION IF EXISTS {name}() CASCADE"
    for name in ("bandit_arms_queue", "bandit_arms_clamp", "bandit_arms_balance")
)
"""The same; with their functions the triggers go."""
