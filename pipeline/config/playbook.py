"""The playbook: what a reason usually means and what to do about it, read from one YAML file.

It is written by sales managers, so every mistake in it is told at once, with its line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, ValidationError

from features.contract import CAUSES
from pipeline.config.form import Section
from pipeline.config.form_file import Mistake, read_file, told
from pipeline.config.kinds import Names
from pipeline.config.mistakes import config_mistakes
from pipeline.errors import ConfigError
from pipeline.scoring.reason_texts import GROUPS, OTHER
from pipeline.wording import unknown

SHIPPED = Path(__file__).resolve().parents[2] / "configs" / "playbook.yaml"
"""Ours; a wheel installs it at the same place beside the packages."""

ELSE = "other"
"""The reason that answers for every group that has no answer of its own."""


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("should say something")
    return " ".join(text.split())


def _yes_or_no(written: Any) -> Any:
    """YAML takes a plain yes or no for true or false."""
    return (
        {True: "yes", False: "no"}.get(written, written) if isinstance(written, bool) else written
    )


Sentence = Annotated[str, AfterValidator(_said)]


class Play(Section):
    """One thing that can be done."""

    does: Sentence = Field(description="what is done")
    owner: Literal["sales", "service", "quality", "logistics", "management"] = Field(
        description="who does it"
    )
    manual: bool = Field(
        False, strict=True, description="chosen by a person only, never attached to an account"
    )


class Answer(Section):
    """What a reason or a cause usually means, and the plays that answer it."""

    means: Sentence = Field(description="what it usually means")
    controllable: Annotated[Literal["yes", "no", "unclear"], BeforeValidator(_yes_or_no)] = Field(
        description="whether the supplier can influence it"
    )
    plays: Names = Field(description="names of plays, in the order in which they are tried")


class Playbook(Section):
    """Plays by their names; answers to reasons by their group, and to causes that people find."""

    plays: dict[Sentence, Play] = Field(description="what can be done")
    reasons: dict[str, Answer] = Field(description="answers to what the model says")
    causes: dict[str, Answer] = Field({}, description="answers to what a person has found out")

    _sha256: str = PrivateAttr("")

    @property
    def sha256(self) -> str:
        """SHA-256 (hex) of the file."""
        return self._sha256

    def answer(self, group: str) -> Answer:
        """The answer to a reason's group, that to `other` where it has none of its own."""
        return self.reasons.get(group, self.reasons[ELSE])

    def first_play(self, group: str) -> str:
        """The name of the play that is attached: the first that is not manual."""
        return next(name for name in self.answer(group).plays if not self.plays[name].manual)


def load_playbook(path: Path | None, own_families: Iterable[str] = ()) -> Playbook:
    """Read and check a playbook; ours where `path` is None.

    own_families: the user's own families, whose reasons may have answers too. MissingInput where
    the file is not there, ConfigError with every mistake and its place in the file.
    """
    place = path or SHIPPED
    form = read_file(
        place, "playbook", "copy configs/playbook.yaml, or leave `scoring.playbook` out"
    )
    mistakes = list(form.mistakes)
    if isinstance(form.content, dict):
        try:
            playbook = Playbook.model_validate(form.content)
            mistakes += _disagreements(playbook, own_families)
        except ValidationError as error:
            mistakes += config_mistakes(Playbook, error)
    if mistakes:
        raise ConfigError(told(place, form, mistakes))
    playbook._sha256 = hashlib.sha256(place.read_bytes()).hexdigest()
    return playbook


def _disagreements(playbook: Playbook, own_families: Iterable[str]) -> Iterator[Mistake]:
    """What does not fit together although each part is well written."""
    ours = {group.name for group in GROUPS} | {ELSE}
    known = ours | {OTHER + family for family in own_families}
    for name in playbook.reasons.keys() - known:
        yield ("reasons", name), unknown(name, known, "reason")
    for name in sorted(ours - playbook.reasons.keys()):
        if name == ELSE or not name.startswith(OTHER):
            yield ("reasons",), f"'{name}' has no answer"
    for name in playbook.causes.keys() - {*CAUSES}:
        yield ("causes", name), unknown(name, CAUSES, "cause")
    for name, answer in playbook.reasons.items():
        place = ("reasons", name)
        if answer.controllable == "no" and name in ours:
            yield (
                (*place, "controllable"),
                "orders, touches and complaints alone never show that we cannot influence it; "
                "write yes or unclear",
            )
        attached = [play for play in answer.plays if play in playbook.plays]
        if attached and all(playbook.plays[play].manual for play in attached):
            yield (
                (*place, "plays"),
                "all are manual, so none could be attached; add one that is not",
            )
    for part, answers in (("reasons", playbook.reasons), ("causes", playbook.causes)):
        for name, answer in answers.items():
            for number, play in enumerate(answer.plays):
                if play not in playbook.plays:
                    yield (part, name, "plays", number), unknown(play, playbook.plays, "play")
