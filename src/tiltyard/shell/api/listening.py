"""Where the API of whoever has the lease listens; without what serves it, which is slow to import.

A desk that waits for the lease listens nowhere: the one that has it may have the same port.
"""

import socket

from tiltyard.kernel.errors import TiltyardError


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Args:
        host: Name or address.
        port: 0 for any that is free.

    Raises:
        TiltyardError: ``ADDRESS_TAKEN`` when it cannot.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(512)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise TiltyardError(
            "ADDRESS_TAKEN", f"{host}:{port}", error.strerror or str(error),
            "choose another: [api] host and port in tiltyard.toml, or --port",
        ) from None  # fmt: skip
    return listening
