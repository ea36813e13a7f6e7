"""Says whether a port of this machine can be served on, before minutes of training are spent.

Usage: python tools/check_port.py PORT
"""

import socket
import sys


def find_fault(text: str) -> str | None:
    """What keeps the board from serving on this port; None where nothing does."""
    if not text.isdecimal() or not 0 < int(text) < 65536:
        return f"PORT={text} is no port: give a number from 1 to 65535, make demo PORT=8080."
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the board does: TIME_WAIT is no hindrance
        try:
            probe.bind(("127.0.0.1", int(text)))
        except OSError as error:
            return f"Port {text} cannot be used ({error.strerror}); choose another: make demo PORT={_next_port(text)}"
    return None


def _next_port(text: str) -> int:
    return int(text) + 1 if int(text) < 65535 else 8080


if __name__ == "__main__":
    sys.exit(find_fault(sys.argv[1]))
