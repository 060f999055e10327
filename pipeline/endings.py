"""How a command ends: with 0, or with a message and the exit code that goes with it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from models import errors as model_errors
from pipeline import console
from pipeline.errors import CannotWrite, DefectionError, ServiceUnavailable
from pipeline.memory import named_limit, ran_out
from pipeline.own_code import blamed
from pipeline.refusals import cannot_be_written, why_full
from pipeline.scratch import temporary_files
from pipeline.streams import standard_streams
from pipeline.termination import Terminated, sigterm_as_exit

USAGE = 64
_BUG = 70
INTERRUPTED = 130
_MODEL_EXITS: dict[type[BaseException], int] = {
    model_errors.ModelLibraryMissing: 69,
    model_errors.DamagedModel: 65,
    model_errors.FeatureMismatch: 78,
    model_errors.TooLittleHistory: 65,
    model_errors.LeakageFound: 1,
}


def guarded(act: Callable[[], object], *, debug: bool = False) -> int:
    """Do something and give the exit code; an error becomes a message on standard error.

    debug: with the traceback before it, except of a signal.
    """
    with standard_streams():
        try:
            with sigterm_as_exit(), temporary_files():
                result = act()
                sys.stdout.flush()  # what cannot be written is an error of the command
        except BaseException as error:
            known = in_our_words(error)
            text, code = ending(known)
            text = " ".join([text, *_notes(error)])
            asked = isinstance(known, KeyboardInterrupt | Terminated) or code == USAGE
            console.fail(text, code, cause=known if debug and not asked else None)
            return code
    return result if isinstance(result, int) else 0


def in_our_words(error: BaseException) -> BaseException:
    """The error that a user can mend, where an error is one, with what it came from as its cause.

    Whatever a library raises, and wherever.
    """
    if isinstance(error, DefectionError | model_errors.ModelError | KeyboardInterrupt | Terminated):
        return error
    known: DefectionError | None
    if ran_out(error):
        known = ServiceUnavailable(
            f"Out of memory (limit: {named_limit()}). Raise the limit, end other jobs, or use "
            "fewer snapshots or accounts; `engine.memory_mib` bounds the query engine alone."
        )
    elif isinstance(error, OSError) and (why := why_full(error)):
        place = error.filename or "the temporary folder, TMPDIR, or standard output"
        known = CannotWrite(cannot_be_written(place, why))
    else:
        known = blamed(error)
    if known is None:
        return error
    known.__cause__ = error
    return known


def ending(error: BaseException) -> tuple[str, int]:
    """The message and the exit code."""
    if isinstance(error, DefectionError):
        return str(error), error.exit_code
    if isinstance(error, model_errors.ModelError):
        return str(error), _MODEL_EXITS.get(type(error), _BUG)
    if isinstance(error, Terminated):
        return "ended by SIGTERM; nothing half-made was published.", int(str(error))
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; nothing half-made was published.", INTERRUPTED
    if hasattr(error, "format_message"):  # the command line could not be understood
        tried = "Try `defection --help`, or `defection COMMAND --help`."
        return f"{error.format_message()}\n{tried}", USAGE
    return (
        f"{type(error).__name__}: {error}\n"
        "This is a bug of ours. Run again with `defection --debug ...` and report what it says.",
        _BUG,
    )


def _notes(error: BaseException) -> Iterator[str]:
    """What was noted on the error, and on those that it came from."""
    seen: BaseException | None = error
    while seen is not None:
        yield from getattr(seen, "__notes__", ())
        seen = seen.__cause__ or seen.__context__
