"""How long a server may take to answer, for those who must be back in time.

The network's own limits (:data:`tiltyard.shell.store.engine.SERVER`) tell of a server whose
host is gone: nothing is acknowledged. They do not tell of one that has stalled, behind a
kernel or a proxy that acknowledges on its behalf; nor does ``statement_timeout``, which the
server itself would have to keep. So who has to judge every few seconds counts on this side.
Who reads or writes much, and has nobody waiting, sets no limit.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class AnswerLimit:
    """The limit of all connections that share it; it may be changed while they are open.

    Attributes:
        seconds: From a question to the end of its answer, or of a portion where rows are
            read in portions; None for as long as it takes.
    """

    seconds: float | None = None
