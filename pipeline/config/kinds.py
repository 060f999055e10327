"""The kinds of values that a config holds, each with the sentence that refuses a wrong one."""

from __future__ import annotations

import codecs
import os
import re
import zoneinfo
from collections.abc import Callable, Collection
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from features.contract import ORDER_KINDS, TABLES
from features.families import FAMILIES
from pipeline.special_files import is_utf8
from pipeline.wording import shortened, unknown
from pipeline.years import YEARS

_NO_ADDRESS = "%?#"
_HOLDS_SECRET = re.compile(r"(?i)(password|secret|token|credential|access\.?key)")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
AnyDay = TypeVar("AnyDay", bound=date)
TIME_WORDS = ("iso", "epoch_s", "epoch_ms", "epoch_us", "excel", "excel_1904")
"""Formats of times that are no strptime formats."""
_MOST_SHARDS = 1_000
_LAST_HEADER, _MOST_HEADERS = 1_000, 5
_STRPTIME = re.compile(r"%-?[aAwdbBmyYHIpMSgfnjzZUWVGuxcX%]")


def _place(written: Any, info: ValidationInfo) -> Path:
    """The path, absolute when the context gives the config file's folder, else as written."""
    if not isinstance(written, str) or not written.strip() or "\0" in written:
        raise ValueError("should be a path")
    if "://" in written:  # it may hold a password: never repeat it
        raise ValueError("should be a path of this machine, not an address")
    if info.context is None:
        return Path(written)

    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        if not os.environ.get(name):
            raise ValueError(f"the environment variable {name} is not set; export {name}=...")
        return os.environ[name]

    base = Path.cwd() if written.startswith("${") else info.context["folder"]
    place = Path(os.path.normpath(base / _VARIABLE.sub(value, written)))
    if not is_utf8(place):
        raise ValueError(f"{shortened(str(place), 200)} is no UTF-8; rename the folder")
    return place


def _place_or_address(written: Any, info: ValidationInfo) -> Path | str:
    if isinstance(written, str) and "://" in written:
        return _address(written)
    return _place(written, info)


def _address(written: Any) -> str:
    """An address of files; it is never repeated, as it may hold a password."""
    if not isinstance(written, str) or not re.fullmatch(r"[a-z][a-z0-9+.-]*://\S+", written):
        raise ValueError("should be an address, such as s3a://bucket/folder")
    if "@" in written.partition("://")[2].partition("/")[0]:
        raise ValueError("has a user or password in it; let Spark's own configuration hold these")
    return written


def _spark_settings(written: Any) -> Any:
    for name, value in written.items() if isinstance(written, dict) else ():
        if not str(name).startswith("spark."):
            raise ValueError(f"'{shortened(str(name))}' is no setting of Spark: it begins spark.")
        if _HOLDS_SECRET.search(str(name)):
            raise ValueError(
                f"{shortened(str(name))} holds a secret: write it to conf/spark-defaults.conf of "
                "Spark, which this config need not know"
            )
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError(f"{shortened(str(name))} should be a text or a number")
    if isinstance(written, dict):
        return {str(name): str(value) for name, value in written.items()}
    return written


def _store_place(place: Path, info: ValidationInfo) -> Path:
    if info.context is None or os.environ.get("MLFLOW_TRACKING_URI", "").strip():
        return place
    # These have a meaning in the address of a database, and cannot be escaped in all of MLflow.
    if found := sorted(set(_NO_ADDRESS) & set(str(place))):
        raise ValueError(
            f"{place} has {' '.join(found)} in its path, which MLflow cannot address; set it to "
            "another path"
        )
    return place


def _zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(unknown(name, zoneinfo.available_timezones(), "time zone")) from None
    return name


def _shards(given: Any) -> Any:
    whole = isinstance(given, int) and not isinstance(given, bool)
    if given == "auto" or (whole and 1 <= given <= _MOST_SHARDS):
        return given
    raise ValueError(f"should be auto or a whole number from 1 to {_MOST_SHARDS}")


def _encoding(name: str) -> str:
    try:
        "".encode(name)
        return codecs.lookup(name).name
    except LookupError:
        raise ValueError(f"'{name}' is no encoding of text; try utf-8, cp1252 or utf-16") from None


def _variable(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):  # it may be the secret: never repeat it
        raise ValueError("should be the name of an environment variable, not what it holds")
    return name


def _time_formats(written: Any) -> Any:
    if isinstance(written, dict):
        return {str(column): _time_formats(formats) for column, formats in written.items()}
    formats = [written] if isinstance(written, str) else written
    for text in formats if isinstance(formats, list | tuple) else []:
        left = _STRPTIME.sub("", text) if isinstance(text, str) else "%"
        if text not in TIME_WORDS and ("%" in left or left == text):
            raise ValueError(
                f"'{text}' is no format of a time; an example: '%d/%m/%Y %H:%M'; "
                f"or one of {', '.join(TIME_WORDS)}"
            )
    return formats


def _header_rows(written: Any) -> Any:
    rows = [written] if isinstance(written, int) else written
    if not isinstance(rows, list | tuple) or not rows or not all(type(n) is int for n in rows):
        raise ValueError("should be the number of a row, or of several in a row such as [3, 4]")
    first = rows[0]
    if not 1 <= first <= _LAST_HEADER or list(rows) != [*range(first, first + len(rows))]:
        raise ValueError(f"should be rows in a row, from 1 to {_LAST_HEADER:,}, such as [3, 4]")
    if len(rows) > _MOST_HEADERS:
        raise ValueError(f"should be at most {_MOST_HEADERS} rows")
    return rows


def _texts(written: Any) -> Any:
    texts = [written] if isinstance(written, str) else written
    for text in texts if isinstance(texts, list | tuple) else []:
        if not isinstance(text, str) or not text.strip():
            raise ValueError('should be texts, in quotes where YAML reads them otherwise: "NULL"')
    return texts


def _wall_time(written: Any) -> Any:
    is_day = isinstance(written, date) and not isinstance(written, datetime)
    return datetime.combine(written, time()) if is_day else written


def _without_offset(found: datetime) -> datetime:
    if found.tzinfo is not None:  # written as a text, too
        raise ValueError("should be wall time in `timezone`, without an offset")
    return found


def _in_years(day: AnyDay) -> AnyDay:
    if day.year not in YEARS:
        raise ValueError(f"should lie in the years {YEARS[0]} to {YEARS[-1]}")
    return day


def _one_of(names: Collection[str], what: str) -> Callable[[str], str]:
    def check(name: str) -> str:
        if name not in names:
            raise ValueError(unknown(name, names, what))
        return name

    return check


def _family(name: str, info: ValidationInfo) -> str:
    """One of ours or, by the field `own_families` beside it, the user's own."""
    if "own_families" not in info.data:  # they are refused themselves
        return name
    return _one_of([*FAMILIES, *info.data["own_families"]], "feature family")(name)


def _not_ours(name: str) -> str:
    if name in FAMILIES:
        raise ValueError(f"'{name}' is a family of ours; give yours another name")
    return name


def _increasing(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values or list(values) != sorted(set(values)):
        raise ValueError("should be one or more, in increasing order, each once")
    return values


def _each_once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return _increasing(values) if values else values


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values or len(set(values)) < len(values):
        raise ValueError("should be one or more, each once")
    return values


def _matching(pattern: str, says: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"should be {says}, not '{shortened(text)}'")
        return text

    return check


Place = Annotated[Path, BeforeValidator(_place)]
StorePlace = Annotated[Place, AfterValidator(_store_place)]
Zone = Annotated[str, AfterValidator(_zone)]
Encoding = Annotated[str, AfterValidator(_encoding)]
Delimiter = Annotated[str, AfterValidator(_matching(r'[^"\r\n]', "one character"))]
WallTime = Annotated[
    datetime,
    BeforeValidator(_wall_time),
    AfterValidator(_without_offset),
    AfterValidator(_in_years),
]
TimeFormats = Annotated[
    tuple[str, ...] | dict[str, tuple[str, ...]], BeforeValidator(_time_formats)
]
HeaderRows = Annotated[tuple[int, ...], BeforeValidator(_header_rows)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
Offset = Annotated[
    str, AfterValidator(_matching(r"[+-]\d{2}:\d{2}", 'an offset in quotes, such as "+01:00"'))
]
Whole = Annotated[int, Field(strict=True, ge=0, le=100_000)]
NotNegative = Annotated[float, Field(strict=True, ge=0)]
Count = Annotated[int, Field(strict=True, ge=1, le=100_000)]
Shards = Annotated[Literal["auto"] | int, BeforeValidator(_shards)]
Threads = Annotated[int, Field(strict=True, ge=1, le=512)]
Share = Annotated[float, Field(strict=True, gt=0, le=1)]
Part = Annotated[float, Field(strict=True, gt=0, lt=1)]
ShareOrNone = Annotated[float, Field(strict=True, ge=0, le=1)]
Name = Annotated[
    str,
    AfterValidator(
        _matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", "a short name of letters, digits, . _ -")
    ),
]
Currency = Annotated[
    str, AfterValidator(_matching("[A-Z]{3}", "three capital letters, such as EUR"))
]
Names = Annotated[tuple[str, ...], AfterValidator(_distinct)]
Variable = Annotated[str, AfterValidator(_variable)]
DatabaseTable = Annotated[
    str,
    AfterValidator(
        _matching(
            r"([A-Za-z_][A-Za-z0-9_]{0,62}\.)?[A-Za-z_][A-Za-z0-9_]{0,62}",
            "a table or schema.table of letters, digits and _",
        )
    ),
]
CatalogTable = Annotated[
    str,
    AfterValidator(
        _matching(
            r"([A-Za-z_]\w{0,127}\.){0,2}[A-Za-z_]\w{0,127}",
            "a table, schema.table or catalog.schema.table of letters, digits and _",
        )
    ),
]
Address = Annotated[str, BeforeValidator(_address)]
PlaceOrAddress = Annotated[Path | str, BeforeValidator(_place_or_address)]
SparkSettings = Annotated[dict[str, str], BeforeValidator(_spark_settings)]
Pattern = Annotated[str, Field(min_length=1, max_length=200)]
OrderKind = Annotated[str, AfterValidator(_one_of(ORDER_KINDS, "order kind"))]
TableName = Annotated[str, AfterValidator(_one_of(TABLES, "table"))]
Families = Annotated[
    tuple[Annotated[str, AfterValidator(_family)], ...],
    AfterValidator(_distinct),
]
OwnName = Annotated[
    str,
    AfterValidator(
        _matching(r"[a-z][a-z0-9_]{0,49}", "a short name of small letters, digits and _")
    ),
    AfterValidator(_not_ours),
]
Windows = Annotated[tuple[Count, ...], AfterValidator(_increasing)]
Horizons = Annotated[tuple[Literal[30, 90, 180], ...], AfterValidator(_each_once)]
Day = Annotated[date, AfterValidator(_in_years)]
Days = Annotated[tuple[Day, ...], AfterValidator(_increasing)]
