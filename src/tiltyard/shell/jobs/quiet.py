"""What DBOS logs of a run that was cancelled: it is what somebody wanted, and no error.

Whoever carries the run out finds that it is not his any more, with a warning and a traceback in the
middle of what is said to people. That it was cancelled is said elsewhere, in one line.
"""

import logging

from dbos._error import DBOSAwaitedWorkflowCancelledError, DBOSWorkflowCancelledError

_ENDINGS = (DBOSAwaitedWorkflowCancelledError, DBOSWorkflowCancelledError)
_NOT_HIS = "is no longer owned by this execution"


def say_nothing_of_cancels() -> None:
    """Have DBOS log no cancel as an error; asked again it changes nothing."""
    logging.getLogger("dbos").addFilter(_is_worth_saying)


def _is_worth_saying(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, _ENDINGS) and _NOT_HIS not in record.getMessage()
