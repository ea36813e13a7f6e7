"""A process that writes and removes folders, so that training does not share its interpreter with that.

Owns both ends of the socket between them. A request is a pickle, behind which the bytes of its files follow; an answer
is the size of a pickle and that pickle, of what the request gave or raised and of the folders that are held back. The
process is there from the first request on and ends with the one that trains, however that ends: a folder that it has in
full by then is completed and synced, any other is never seen.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Generic, Self, TypeAlias, TypeVar, cast

from mlgym_core.checkpoints.answers import Answer, do
from mlgym_core.checkpoints.contents import Content, Frozen, Ready
from mlgym_core.checkpoints.folders import Folder, save_parts
from mlgym_core.checkpoints.grouping import GroupedFolders
from mlgym_core.errors import StoreError
from mlgym_core.events.durability import Durability
from mlgym_core.events.files import remove_folder

_LOG = logging.getLogger(__name__)
_PART_BYTES = 1 << 20
_AT_ONCE_BYTES = 1 << 17
"""What a socket takes without waiting for its other end."""
_SIZE_BYTES = 4
# Only the standard library and this package: nothing of the environment may change what it does.
_PROGRAM = f"import sys; sys.path.insert(0, sys.argv[1]); from {__name__} import serve; serve()"
_ROOT = str(Path(__file__).parents[2])

T = TypeVar("T")
_Request: TypeAlias = tuple[str] | tuple[str, str] | tuple[str, str, Mapping[str, int], Durability, list[str], bool]


class FolderProcess:
    """`Folders` whose work is done in a process of its own, or in this one where that was killed.

    Files that are small and there already are sent at once. For others a thread waits: handing the interpreter to it
    and back takes a small model longer than sending.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._unanswered: deque[_Answer[Any]] = deque()
        self._received = bytearray()
        self._held: list[Path] = []
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")
        self._newest: Future[Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def save(
        self,
        path: Path,
        files: Mapping[str, Frozen],
        durability: Durability,
        instead_of: Sequence[Path] = (),
        *,
        may_wait: bool = False,
    ) -> Answer[Folder]:
        """See `Folders.save`."""
        ready = [each for each in files.values() if isinstance(each, Ready)]
        is_small = len(ready) == len(files) and sum(map(len, ready)) <= _AT_ONCE_BYTES
        about = (durability, [each.absolute() for each in instead_of], may_wait)
        return self._begin(lambda: self._save(path.absolute(), files, *about), at_once=is_small)

    def remove(self, path: Path) -> Answer[None]:
        """See `Folders.remove`."""
        return self._begin(lambda: self._ask(("remove", str(path.absolute())), [], lambda: remove_folder(path)))

    def flush(self) -> Answer[None]:
        """See `Folders.flush`."""
        return self._begin(lambda: self._ask(("flush",), [], lambda: None) if self._line else do(lambda: None))

    def close(self) -> None:
        """Wait for what was begun, and end the process."""
        self._thread.shutdown()
        self._settle()
        self._end()

    def read(self, *, waits: bool) -> None:
        """Hand out the answers that are there, and at least one where it `waits`."""
        while self._unanswered and self._line is not None:
            if answer := self._take_answer():
                outcome, self._held = pickle.loads(answer)
                self._unanswered.popleft().take(outcome)
                waits = False
                continue
            try:
                part = self._line.recv(1 << 16, 0 if waits else socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:
                part = b""
            if not part:
                self._do_it_here("it gave no answer")
            self._received += part

    def _begin(self, ask: Callable[[], Answer[T]], *, at_once: bool = True) -> Answer[T]:
        is_idle = self._newest is None or self._newest.done()
        if is_idle and at_once:
            return ask()
        if is_idle:
            self._settle()  # from here on the socket is the thread's
        self._newest = self._thread.submit(lambda: ask().result())
        return self._newest

    def _save(
        self, path: Path, files: Mapping[str, Frozen], durability: Durability, instead_of: list[Path], may_wait: bool
    ) -> _Answer[Folder]:
        contents = {name: make() for name, make in files.items()}
        sizes = {name: len(each) for name, each in contents.items()}

        def save_here() -> Folder:
            return save_parts(path, {name: [each] for name, each in contents.items()}, durability, instead_of)

        request = ("save", str(path), sizes, durability, [str(each) for each in instead_of], may_wait)
        return self._ask(request, list(contents.values()), save_here)

    def _ask(self, request: _Request, contents: Sequence[Content], do_here: Callable[[], T]) -> _Answer[T]:
        answer = _Answer(self.read, do_here)
        self._unanswered.append(answer)
        try:
            if self._line is None:
                self._line = self._start()
            _send(self._line, [pickle.dumps(request), *contents])
        except OSError as error:
            self._do_it_here(error)
        except BaseException:  # as Ctrl-C: half a request was sent, and no other would be understood behind it
            self._unanswered.pop()
            self._do_it_here("a request was broken off")
            raise
        return answer

    def _take_answer(self) -> bytes | None:
        end = _SIZE_BYTES + int.from_bytes(self._received[:_SIZE_BYTES], "little")
        if not _SIZE_BYTES < end <= len(self._received):
            return None
        answer = bytes(self._received[_SIZE_BYTES:end])
        del self._received[:end]
        return answer

    def _settle(self) -> None:
        while self._unanswered:
            self.read(waits=True)

    def _do_it_here(self, why: object) -> None:
        """The process is gone: what it was asked for and did not answer, it may have done or not."""
        _LOG.warning("the process that writes checkpoints is gone (%s): another is started for the next", why)
        self._end()
        while self._unanswered:
            self._unanswered.popleft().do_here()

    def _start(self) -> socket.socket:
        ours, its = socket.socketpair()
        with its:
            command = [sys.executable, "-I", "-S", "-c", _PROGRAM, _ROOT]
            self._process = subprocess.Popen(command, stdin=its.fileno(), stdout=subprocess.DEVNULL)
        return ours

    def _end(self) -> None:
        if self._line is not None:
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)  # processes forked meanwhile hold it open too
            self._line.close()
        if self._process is not None and self._process.wait() != 0:
            os.sync()  # what it had not synced yet
            with suppress(StoreError):  # the next attempt removes it
                for each in self._held:
                    remove_folder(each)
        self._process = self._line = None
        self._held = []
        self._received.clear()


class _Answer(Generic[T]):
    """An answer of the process, which is read from its socket when it is asked for."""

    def __init__(self, read: Callable[..., None], do_here: Callable[[], T]) -> None:
        self._read = read
        self._do_here: Callable[[], T] | None = do_here
        self._outcome: T | BaseException | None = None

    def done(self) -> bool:
        if self._do_here is not None:
            self._read(waits=False)
        return self._do_here is None

    def result(self) -> T:
        while self._do_here is not None:
            self._read(waits=True)
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return cast("T", self._outcome)

    def take(self, outcome: T | BaseException) -> None:
        """What the process says."""
        self._outcome = outcome
        self._do_here = None  # it holds the bytes of the files

    def do_here(self) -> None:
        """The process does not say anything any more."""
        assert self._do_here is not None
        done = do(self._do_here)
        self._outcome = done.exception() or done.result()
        self._do_here = None


def _send(connection: socket.socket, parts: Sequence[Content]) -> None:
    """Sends all of `parts`, small ones in one call."""
    views = [view for each in parts if (view := memoryview(each))]
    while views:
        num_sent = connection.sendmsg(views)
        while views and num_sent >= len(views[0]):
            num_sent -= len(views.pop(0))
        if views:
            views[0] = views[0][num_sent:]


def serve() -> None:
    """What the process does: answers what comes over the socket that its standard input is, until that is closed."""
    # Ctrl-C is meant for the process that trains, which may want to save once more; this one ends with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = socket.socket(fileno=sys.stdin.fileno())
    with (
        connection,
        connection.makefile("rb") as stream,
        GroupedFolders() as folders,
        suppress(EOFError, ConnectionError),
    ):
        while True:
            answer = pickle.dumps((_answer(pickle.load(stream), stream, folders), folders.held))
            connection.sendall(len(answer).to_bytes(_SIZE_BYTES, "little") + answer)


def _answer(request: tuple[Any, ...], stream: BinaryIO, folders: GroupedFolders) -> Folder | StoreError | None:
    try:
        if request[0] == "flush":
            folders.flush()
            return None
        if request[0] == "remove":
            folders.remove(Path(request[1]))
            return None
        _, path, sizes, durability, others, may_wait = request
        files = {name: _read_parts(stream, size_bytes) for name, size_bytes in sizes.items()}
        try:
            return folders.save(Path(path), files, durability, [Path(each) for each in others], may_wait=may_wait)
        finally:
            for parts in files.values():  # the next request stands behind what was not written
                for _ in parts:
                    pass
    except StoreError as error:
        return error


def _read_parts(stream: BinaryIO, size_bytes: int) -> Iterator[bytes]:
    while size_bytes:
        part = stream.read(min(size_bytes, _PART_BYTES))
        if not part:
            raise EOFError
        size_bytes -= len(part)
        yield part
