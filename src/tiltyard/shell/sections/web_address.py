"""Whether a text is a web address that a setting may hold."""

import re
from urllib.parse import urlsplit

LONGEST_ADDRESS = 4096


def fault_of_address(url: str) -> str:
    """What is wrong with a web address, or nothing; an address is a secret and never repeated."""
    if len(url) > LONGEST_ADDRESS or not re.fullmatch(r"[!-~]+", url):
        return "expected an address without blanks and letters beyond ASCII (percent-encode them)"
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").encode("idna"), parts.port
    except ValueError:
        return "expected an address such as https://host:port/path"
    if parts.scheme not in {"http", "https"} or not host:
        return "expected an address that begins with http:// or https:// and a host"
    if "@" in parts.netloc:
        return "leave out user and password: put a secret into the path or query"
    return ""
