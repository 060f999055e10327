"""What can be read and yet is odd: warnings of `validate` that name rows and say what to write.

Each module is one kind of oddity. A check of rows sees one source as its files have it, right
after it was loaded; a check of tables sees all loaded tables together.
"""

from pipeline.sources.plausibility.look import Plausibility
from pipeline.sources.plausibility.seen import Seen

__all__ = ["Plausibility", "Seen"]
