"""What the program says when it cannot go on, and the exit code it says it with.

Every message tells what is wrong, where, and what to do about it.
"""

from __future__ import annotations


class DefectionError(Exception):
    """Base of every error that a user can mend; `exit_code` follows sysexits(3) where one fits."""

    exit_code = 70


class CheckFailed(DefectionError):
    """A check said no: a gate, a leakage report, a monitor."""

    exit_code = 1


class UsageError(DefectionError):
    """The command line asks for something that cannot be meant."""

    exit_code = 64


class DataError(DefectionError):
    """The data break the contract."""

    exit_code = 65


class MissingInput(DefectionError):
    """A file or folder that was named is not there."""

    exit_code = 66


class ServiceUnavailable(DefectionError):
    """A server that is needed does not answer."""

    exit_code = 69


class CannotWrite(DefectionError):
    """The disk is full or the target read-only."""

    exit_code = 73


class TryAgain(DefectionError):
    """Another job holds the lock, or a file changed while it was read."""

    exit_code = 75


class ConfigError(DefectionError):
    """The configuration, or a name that it refers to, is wrong."""

    exit_code = 78
