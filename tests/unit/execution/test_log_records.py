"""Python's logging becomes events once: not again for what is written to a recorded output."""

import subprocess
import sys
import textwrap

PREAMBLE = """
import logging, sys
from mlgym_core.execution.log_records import recording
from mlgym_core.execution.process_logs import ProcessLog

class Shown:
    def publish(self, payload):
        print(payload.level, payload.lines)

log = ProcessLog(Shown(), "run", 0)
"""


def run(code: str) -> tuple[list[str], str]:
    """What is published, and what is on standard error, of a process of its own: `logging` is one for all."""
    command = [sys.executable, "-c", PREAMBLE + textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.splitlines(), done.stderr


def test_records_from_the_level_on_are_published_with_their_logger_and_traceback() -> None:
    published, on_stderr = run("""
        with recording(log, "INFO"):
            logging.getLogger("mine").debug("too low")
            logging.getLogger("mine").info("loaded %d rows", 5)
            try:
                1 / 0
            except ZeroDivisionError:
                logging.exception("it broke")
        logging.getLogger("mine").info("later")
    """)

    assert published[0] == "INFO ['mine: loaded 5 rows']"
    assert published[1].startswith("ERROR ['root: it broke', 'Traceback (most recent call last):'")
    assert published[1].endswith("'ZeroDivisionError: division by zero']")
    assert len(published) == 2
    assert on_stderr == ""


def test_of_this_packages_own_diagnostics_only_warnings_are_recorded() -> None:
    published, _ = run("""
        with recording(log, "DEBUG"):
            logging.getLogger("mlgym_core.publish").info("connecting")
            logging.getLogger("mlgym_core.publish").warning("away")
    """)

    assert published == ["WARNING ['mlgym_core.publish: away']"]


def test_where_the_output_is_recorded_a_root_handler_steps_aside_and_comes_back() -> None:
    published, on_stderr = run("""
        logging.basicConfig(level=logging.WARNING)
        with recording(log, "INFO", is_output_recorded=True):
            logging.getLogger("mine").info("once")
        logging.getLogger("mine").info("too low again")
        logging.getLogger("mine").warning("after")
    """)

    assert published == ["INFO ['mine: once']"]
    assert on_stderr == "WARNING:mine:after\n"


def test_where_the_output_is_recorded_the_words_of_a_loggers_own_handler_are_enough() -> None:
    published, on_stderr = run("""
        logging.getLogger("mine").addHandler(logging.StreamHandler())
        with recording(log, "INFO", is_output_recorded=True):
            logging.getLogger("mine.part").warning("on stderr")
            logging.getLogger("other").warning("as an event")
    """)

    assert published == ["WARNING ['other: as an event']"]
    assert on_stderr == "on stderr\n"


def test_elsewhere_the_handlers_of_the_user_and_their_level_stay() -> None:
    published, on_stderr = run("""
        logging.basicConfig(level=logging.WARNING)
        with recording(log, "INFO", keeps_last_resort=True):
            logging.getLogger("mine").info("nobody wants it")
            logging.getLogger("mine").warning("both")
    """)

    assert published == ["WARNING ['mine: both']"]
    assert on_stderr == "WARNING:mine:both\n"


def test_the_last_resort_goes_on_where_it_is_kept() -> None:
    published, on_stderr = run("""
        with recording(log, "INFO", keeps_last_resort=True):
            logging.getLogger("mine").info("an event")
            logging.getLogger("mine").warning("both")
    """)

    assert published == ["INFO ['mine: an event']", "WARNING ['mine: both']"]
    assert on_stderr == "both\n"


def test_a_record_that_cannot_be_published_ends_nothing() -> None:
    published, on_stderr = run("""
        class Full:
            def publish(self, payload):
                raise OSError("no space")

        with recording(ProcessLog(Full(), "run", 0), "INFO"):
            logging.getLogger("mine").warning("lost")
        print("went on")
    """)

    assert published == ["went on"]
    assert "no space" in on_stderr


def test_a_process_that_training_forked_speaks_on_standard_error() -> None:
    published, on_stderr = run("""
        import os
        with recording(log, "INFO"):
            logging.getLogger("mine").info("from here")
            sys.stdout.flush()
            if not os.fork():
                logging.getLogger("mine").warning("from there")
                os._exit(0)
            os.wait()
    """)

    assert published == ["INFO ['mine: from here']"]
    assert on_stderr == "from there\n"
