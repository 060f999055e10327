"""A file that cannot be read as it is."""

from __future__ import annotations

from pipeline.sources.findings import Example, Finding, Severity


class Unusable(Exception):
    """What is wrong with a file and what to do; examples: rows of it that show it."""

    def __init__(
        self,
        what: str,
        advice: str,
        *,
        missing: bool = False,
        examples: tuple[Example, ...] = (),
        count: int | None = None,
    ) -> None:
        super().__init__(what)
        self.what, self.advice, self.missing = what, advice, missing
        self.examples, self.count = examples, count

    def finding(self, table: str, file: str) -> Finding:
        """The same as a finding about a file of a table."""
        return Finding(
            Severity.ERROR,
            self.what,
            table,
            file,
            count=self.count,
            examples=self.examples,
            advice=self.advice,
            missing=self.missing,
        )
