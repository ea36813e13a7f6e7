"""Makes the forkserver deaf to Ctrl-C and SIGTERM: to be imported there, before all else, is its whole use.

The runner alone decides how a run ends. The server starts with both blocked, so that none reaches it before this.
"""

from __future__ import annotations

import signal

for each in (signal.SIGINT, signal.SIGTERM):
    signal.signal(each, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))
