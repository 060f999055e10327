"""Account ids that only the keeper of a key can tell: for what leaves the house, such as MLflow.

The key lies beside the published scores, never in the store of runs. With it anybody can find out
which account a pseudonym stands for by trying all of them; without it nobody can.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from pipeline.errors import ConfigError
from pipeline.refusals import writing

_BYTES = 32
_SIGNS = 10
KEY_FILE = ".pseudonym_key"


def pseudonym_key(folder: Path) -> bytes:
    """The key under `folder`, made at its first use and readable by its owner alone.

    ConfigError for a file that is no key.
    """
    key = find_key(folder)
    if key is not None:
        return key
    path = folder / KEY_FILE
    with writing(path):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=KEY_FILE) as file:
            file.write(secrets.token_bytes(_BYTES))
            file.flush()
            with suppress(FileExistsError):  # another job was first; its key stands
                os.link(file.name, path)
        return path.read_bytes()


def find_key(folder: Path) -> bytes | None:
    """The key under `folder`, if it was made; ConfigError for a file that is no key."""
    path = folder / KEY_FILE
    with writing(path):
        if not path.exists():
            return None
        key = path.read_bytes()
    if len(key) != _BYTES:
        raise ConfigError(
            f"{path} holds no key of {_BYTES} bytes. Restore it, or delete it: pseudonyms given "
            "before then stand for nobody any more."
        )
    return key


def pseudonym(account_id: str, key: bytes) -> str:
    """A short name of an account, always the same for the same key.

    >>> pseudonym("A0017", b"k" * 32) == pseudonym("A0017", b"k" * 32)
    True
    """
    digest = hmac.new(key, account_id.encode(), hashlib.sha256).hexdigest()
    return f"account {digest[:_SIGNS]}"
