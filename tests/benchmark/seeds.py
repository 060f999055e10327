"""Seeds of simulated markets: few to develop with, and those that a commit draws to report.

Whoever develops looks at figures again and again and keeps what looks good, so those figures are
too good. Reported seeds are therefore drawn from the hash of the commit that fixed the choice:
nobody could have looked at them before. `python tests/benchmark/seeds.py 12 HASH` shows them.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys

LAST_TO_DEVELOP = 99
SEEDS = 1_000_000  # drawn seeds lie between LAST_TO_DEVELOP and this


def drawn_seeds(count: int, commit: str) -> list[int]:
    """Return so many different seeds above 99, drawn from a commit's hash of 40 digits.

    The n-th try, from 1 on, is sha256 of the hash, a blank and n, read as a number, modulo the
    number of seeds there are, plus 100. A seed that is there already is left out.
    """
    seeds: list[int] = []
    tries = 0
    while len(seeds) < count:
        tries += 1
        digest = hashlib.sha256(f"{commit} {tries}".encode()).hexdigest()
        seed = LAST_TO_DEVELOP + 1 + int(digest, 16) % (SEEDS - LAST_TO_DEVELOP - 1)
        if seed not in seeds:
            seeds.append(seed)
    return seeds


def seeds_of(text: str) -> tuple[list[int], str | None]:
    """Return the seeds that a text asks for, and the commit that drew them; None where named.

    >>> seeds_of("1, 2 7")
    ([1, 2, 7], None)

    Raises SystemExit for named seeds from 100 on, and for a commit that is not in the repository.
    """
    if drawn := re.fullmatch(r"\s*(\d+)\s+from\s+([0-9A-Fa-f]{7,40})\s*", text):
        count, commit = int(drawn[1]), _full_hash(drawn[2])
        if not 1 <= count <= 1000:
            raise SystemExit(f"SEEDS asks for {count} seeds. Give 1 to 1000.")
        return drawn_seeds(count, commit), commit
    if not re.fullmatch(r"\s*\d+([\s,]+\d+)*\s*", text):
        raise SystemExit(f"SEEDS is {text!r}. Give numbers as '1,2,3', or '12 from HASH'.")
    seeds = [int(number) for number in re.findall(r"\d+", text)]
    if len(set(seeds)) < len(seeds):
        raise SystemExit(f"SEEDS names a seed twice: {text}. Give each once.")
    if refused := [seed for seed in seeds if not 1 <= seed <= LAST_TO_DEVELOP]:
        raise SystemExit(
            f"SEEDS names {refused[0]}; seeds to develop with are 1 to {LAST_TO_DEVELOP}. "
            "Draw reported seeds from a commit: SEEDS='12 from HASH'."
        )
    return seeds, None


def _full_hash(commit: str) -> str:
    asked = ["git", "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"There is no commit {commit} in this repository. Name one that is.")
    return done.stdout.strip()


if __name__ == "__main__":
    print(*seeds_of(f"{sys.argv[1]} from {sys.argv[2]}")[0], sep=",")
