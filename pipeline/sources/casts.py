"""One column of a source, as SQL: its canonical value, and what makes a raw value a bad one.

The raw value is a column `raw_<name>`, null where the source left it empty. Nothing is guessed:
a text that is not plainly a value of its kind is refused, and a number that a file could have
mangled (an id stored as a float) is too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from features.contract import SQL_TYPES, Column, Kind
from pipeline.engines import literal, quoted
from pipeline.invisible import CONTROLS, UNSEEN, WIDTHLESS
from pipeline.sources.findings import Severity
from pipeline.sources.likely import likely_numbers, likely_times
from pipeline.years import YEARS

LONGEST_TEXT = 1000
LARGEST_MONEY = 10**13
LARGEST_NUMBER = 10**11
EARLIEST, LATEST = f"{YEARS.start}-01-01", f"{YEARS.stop}-01-01"

_NUMBER = r"(?i)\s*[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d{1,4})?|inf|infinity|nan)\s*"
_DATE = r"\d{4}-\d{2}-\d{2}"
_CLOCK = r"[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?"
_OFFSET = r"(Z|[+-]\d{2}(:?\d{2})?)"
_ISO = "YYYY-MM-DD or YYYY-MM-DD HH:MM:SS, with Z or +HH:MM behind it where it is zoned"
_FORMULA = r'\s*="([^"]*)"\s*'
_TRUE, _FALSE = "('true', 't', 'yes', 'y', '1')", "('false', 'f', 'no', 'n', '0')"
_WHOLE = {
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT",
    "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
}  # fmt: skip
_BLANK = r"[\s\p{Z}\x{200b}-\x{200f}\x{2060}\x{feff}]"  # also those that nobody sees
_THOUSANDS = {".": r"\.", ",": ",", " ": r"[ \p{Z}]", "'": r"['\x{2019}\x{2bc}]"}
_MINUSES = "\u2212\u2010\u2011\u2012\u2013\ufe63\uff0d"
_UTC_ENDING = rf"({_OFFSET}|UTC|GMT)(\[[A-Za-z_/+-]+\])?"  # Java writes the region behind it
_EPOCHS = {  # digits before the point, so that no unit is taken for another, and microseconds
    "epoch_s": ("9,11", 1_000_000),
    "epoch_ms": ("12,14", 1_000),
    "epoch_us": ("15,17", 1),
}
_SERIAL_DAYS = {"excel": "1899-12-30", "excel_1904": "1904-01-01"}
_NAIVE = {"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"}


@dataclass(frozen=True)
class Reading:
    """How a source writes its values.

    time_formats: of all columns, or by the canonical name of each. zone: of its naive times; wall:
    the config's time zone. thousands: the sign between thousands, if any. units: texts beside
    numbers that say nothing more. nulls: texts that stand for no value. zones: the offsets of
    names behind times. place: the source as messages call it.
    """

    decimal: str
    time_formats: tuple[str, ...] | Mapping[str, tuple[str, ...]]
    zone: str
    wall: str
    thousands: str | None = None
    units: tuple[str, ...] = ()
    nulls: tuple[str, ...] = ()
    zones: Mapping[str, str] = field(default_factory=dict)
    place: str = "the source"

    def formats_of(self, column: str) -> tuple[str, ...]:
        """The formats in which a column's times are written; none for ISO 8601."""
        if isinstance(self.time_formats, Mapping):
            return self.time_formats.get(column, ())
        return self.time_formats


@dataclass(frozen=True)
class Check:
    """A condition on a row, true where the row is bad.

    refuses: the data cannot be used; else the row alone is set aside. what: said of the values,
    or of the row. expected: set aside because the config asks for it, no sign of bad data. blanks:
    the row stays, and the value is taken as missing. told: row and value stay as they were read,
    and this is how grave it is. suggest: the advice, given some of the values that are bad and
    whether others of the column are good; "" where nothing is likely.
    """

    column: str
    condition: str
    what: str
    advice: str
    refuses: bool
    expected: bool = False
    blanks: bool = False
    suggest: Callable[[Sequence[str], bool], str] | None = None
    told: Severity | None = None

    @property
    def sets_aside(self) -> bool:
        """Whether a row that it is true of does not come into the table."""
        return not (self.refuses or self.blanks or self.told)


@dataclass(frozen=True)
class Cast:
    """The canonical value of a column, null where it cannot be had, and its checks."""

    value: str
    checks: tuple[Check, ...]


def raw_name(column: str) -> str:
    """The name under which a column's value is held as the source has it."""
    return f"raw_{column}"


def raw_value(identifier: str, sql_type: str, nulls: Sequence[str] = ()) -> str:
    """A source's value as it is, but null for an empty text, and for one that stands for none."""
    if not is_text(sql_type):
        return identifier
    text = f"CAST({identifier} AS VARCHAR)"
    if nulls:
        words = ", ".join(map(literal, ("", *(word.strip() for word in nulls))))
        return f"CASE WHEN trim({text}) NOT IN ({words}) THEN {text} END"
    return f"NULLIF({text}, '')"


def cast(column: Column, sql_type: str, reading: Reading) -> Cast:
    """The cast of a source's column of an SQL type to its kind, with all checks."""
    raw = quoted(raw_name(column.name))
    match column.kind:
        case Kind.ID | Kind.TEXT:
            found = _text(column, raw, sql_type)
        case Kind.TIME:
            found = _time(column, raw, sql_type, reading)
        case Kind.MONEY | Kind.NUMBER:
            found = _number(column, raw, sql_type, reading)
        case Kind.FLAG:
            found = _flag(column, raw, sql_type)
    return found


def empty(column: Column, unless: str = "FALSE") -> Check:
    """The check that a row has a value; unless: a condition under which it may lack it."""
    return Check(
        column.name,
        f"{quoted(raw_name(column.name))} IS NULL AND NOT {unless}",
        f"no {column.name}",
        "such rows are set aside; fill the column where it can be known",
        refuses=False,
    )


def not_allowed(column: Column) -> Check:
    """The check that a row holds one of the few texts that the column may hold."""
    return Check(
        column.name,
        f"{quoted(column.stored_name)} NOT IN ({', '.join(map(literal, column.allowed))})",
        f"not one of {', '.join(column.allowed)}",
        "such rows are set aside; correct the spelling, or leave it empty where nobody knows",
        refuses=False,
    )


def _text(column: Column, raw: str, sql_type: str) -> Cast:
    if is_text(sql_type):
        checks = [
            Check(
                column.name,
                f"length({raw}) > {LONGEST_TEXT}",
                f"{column.name} longer than {LONGEST_TEXT:,} characters",
                "such rows are set aside; is a quote missing in the file?",
                refuses=False,
            )
        ]
        if column.kind is Kind.ID:
            checks.append(
                Check(
                    column.name,
                    f"regexp_matches({raw}, '{UNSEEN}')",
                    "control or invisible characters, which an id cannot hold",
                    "export it again, or clean it in a `.sql` mapping",
                    refuses=True,
                )
            )
            return Cast(_bare(raw), (*checks, *_wrapped(column, raw)))
        unseen = f"regexp_matches({raw}, '{UNSEEN}')"
        checks.append(
            Check(
                column.name,
                unseen,
                "control or invisible characters, replaced by blanks or removed",
                "",
                refuses=False,
                told=Severity.NOTE,
            )
        )
        seen = f"regexp_replace({raw}, '{WIDTHLESS}', '', 'g')"
        seen = f"NULLIF(trim(regexp_replace({seen}, '{CONTROLS}+', ' ', 'g')), '')"
        shown = f"CASE WHEN {unseen} THEN {seen} ELSE NULLIF(trim({raw}), '') END"
        if not column.words:
            return Cast(shown, tuple(checks))
        words = ", ".join(map(literal, column.words))
        unknown = Check(
            column.name,
            f"lower(trim({raw})) NOT IN ({words})",
            f"not one of {', '.join(column.words)}",
            "such values are taken as missing; say which of these they are in a `.sql` mapping",
            refuses=False,
            blanks=True,
        )
        known = f"CASE WHEN lower(trim({raw})) IN ({words}) THEN trim({raw}) END"
        return Cast(known, (*checks, unknown))
    if sql_type in _WHOLE or column.kind is Kind.TEXT or _decimals(sql_type) == 0:
        return Cast(f"CAST({raw} AS VARCHAR)", ())
    advice = "write it as text, or cast it in a `.sql` mapping"
    if sql_type in ("DOUBLE", "FLOAT"):
        advice = (
            "a column of whole numbers with gaps becomes floating: write it as text, or map it "
            f"by a `.sql` file with CAST(CAST({column.name} AS BIGINT) AS VARCHAR)"
        )
    return _unfit(column, raw, sql_type, "an id", advice)


def _bare(raw: str) -> str:
    """An id without what some programs put around it; null where nothing else is there."""
    bare = rf"regexp_replace({raw}, '{_FORMULA}', '\1')"
    # Cheap, and not true of most ids; a blank that is not ASCII makes a text longer in bytes.
    around = f"contains({raw}, ' ') OR strlen({raw}) <> length({raw}) OR starts_with({raw}, '=\"')"
    return f"CASE WHEN {around} THEN NULLIF(trim({bare}), '') ELSE {raw} END"


def _wrapped(column: Column, raw: str) -> tuple[Check, ...]:
    """What was around an id, where something was."""
    bare = quoted(column.stored_name)
    nothing = Check(
        column.name,
        f"{raw} IS NOT NULL AND {bare} IS NULL",
        f"{column.name} of nothing but blanks",
        "such rows are set aside; fill the column where it can be known",
        refuses=False,
    )
    return (
        Check(
            column.name,
            f"CASE WHEN {raw} <> {bare} THEN {raw} <> trim({raw}) END",
            "blanks before or after the id, which are taken off",
            "",
            refuses=False,
            told=Severity.NOTE,
        ),
        Check(
            column.name,
            f"CASE WHEN {raw} <> {bare} THEN regexp_full_match({raw}, '{_FORMULA}') END",
            'written as ="...", a spreadsheet\'s form of text; read without it',
            "export it without this form if the program can",
            refuses=False,
            told=Severity.WARNING,
        ),
        *([nothing] if column.required else []),
    )


def _time(column: Column, raw: str, sql_type: str, reading: Reading) -> Cast:
    if sql_type == "TIMESTAMPTZ_NS":
        raw, sql_type = f"CAST({raw} AS TIMESTAMPTZ)", "TIMESTAMP WITH TIME ZONE"
    formats = reading.formats_of(column.name)
    numeric = tuple(form for form in formats if form in _EPOCHS or form in _SERIAL_DAYS)
    if sql_type == "DATE":
        value = f"TRY_CAST({raw} AS TIMESTAMP)"
    elif sql_type in _NAIVE:
        value = _wall(f"CAST({raw} AS TIMESTAMP)", reading)
    elif sql_type == "TIMESTAMP WITH TIME ZONE":
        value = _from_instant(raw, reading)
    elif numeric and _is_number(sql_type):
        text = f"CAST({raw} AS VARCHAR)"
        value = f"COALESCE({', '.join(in_format(text, form, reading) for form in numeric)})"
    elif not is_text(sql_type):
        unfit = _unfit(column, raw, sql_type, "a time", "convert it in a `.sql` mapping")
        return Cast(unfit.value, tuple(_with_times(check, reading, ()) for check in unfit.checks))
    elif formats:
        plain = plain_text(raw, reading)
        texts = (plain,) if reading.zones else (raw, plain)
        value = ", ".join(in_format(text, form, reading) for text in texts for form in formats)
        value = f"COALESCE({value})"
    else:
        value = _iso(raw, reading)
    value = f"date_trunc('second', {value})"
    if not is_text(sql_type) and not numeric:
        value = f"CASE WHEN isfinite({raw}) THEN {value} END"
        return Cast(value, (_no_moment(column, raw),))
    expected, advice = _ISO, 'declare the format, e.g. `datetime_format: "%d/%m/%Y %H:%M"`'
    if formats:
        expected, advice = ", ".join(formats), "correct `datetime_format`"
    unread = _unreadable(column, raw, f"a time; expected {expected}", advice)
    return Cast(value, (_with_times(unread, reading, formats),))


def _no_moment(column: Column, raw: str) -> Check:
    """The check that a time is one that the engine can hold."""
    return Check(
        column.name,
        f"{raw} IS NOT NULL AND {quoted(column.stored_name)} IS NULL",
        f"{column.name} infinite or out of any range",
        "such rows are set aside; a made-up date for 'unknown' should be empty",
        refuses=False,
    )


def _with_times(check: Check, reading: Reading, formats: tuple[str, ...]) -> Check:
    def suggest(values: Sequence[str], others: bool) -> str:
        return likely_times(values, formats, others, reading.place)

    return replace(check, suggest=suggest)


def _iso(raw: str, reading: Reading) -> str:
    """ISO 8601, with blanks around it, before the offset, or UTC and GMT in place of that."""
    plain = plain_text(raw, reading)
    ending = f"regexp_extract({plain}, '{_UTC_ENDING}$')"
    offset = f"CASE WHEN regexp_matches({ending}, 'UTC|GMT') THEN 'Z' ELSE "
    offset += rf"regexp_replace({ending}, '\[.*$', '') END"
    clock = f"regexp_extract({plain}, '^{_DATE}{_CLOCK}')"
    return (
        f"CASE WHEN regexp_full_match({raw}, '{_DATE}{_CLOCK}') "
        f"THEN {_wall(f'TRY_CAST({raw} AS TIMESTAMP)', reading)} "
        f"WHEN regexp_full_match({raw}, '{_DATE}') THEN TRY_CAST({raw} AS TIMESTAMP) "
        f"WHEN regexp_full_match({raw}, '{_DATE}{_CLOCK}{_OFFSET}') "
        f"THEN {_from_instant(f'TRY_CAST({raw} AS TIMESTAMPTZ)', reading)} "
        f"WHEN regexp_full_match({plain}, '{_DATE}{_CLOCK}{_BLANK}*{_UTC_ENDING}') "
        f"THEN {_from_instant(f'TRY_CAST({clock} || {offset} AS TIMESTAMPTZ)', reading)} "
        f"WHEN regexp_full_match({plain}, '{_DATE}{_CLOCK}') "
        f"THEN {_wall(f'TRY_CAST({plain} AS TIMESTAMP)', reading)} "
        f"WHEN regexp_full_match({plain}, '{_DATE}') THEN TRY_CAST({plain} AS TIMESTAMP) END"
    )


def in_format(text: str, form: str, reading: Reading) -> str:
    """A text as wall time, null where it is not of the format."""
    if form == "iso":
        return _iso(text, reading)
    number = f"replace({text}, ',', '.')"
    if form in _EPOCHS:
        digits, micros = _EPOCHS[form]
        whole = f"CAST(round(TRY_CAST({number} AS DECIMAL(38,12)) * {micros}) AS BIGINT)"
        return (
            rf"CASE WHEN regexp_full_match({text}, '-?\d{{{digits}}}([.,]\d+)?') "
            f"THEN {_from_instant(f'make_timestamptz({whole})', reading)} END"
        )
    if form in _SERIAL_DAYS:
        first = f"TIMESTAMP '{_SERIAL_DAYS[form]}'"
        seconds = f"CAST(round(TRY_CAST({number} AS DOUBLE) * 86400) AS BIGINT)"
        moment = f"{first} + to_seconds({seconds})"
        return (
            rf"CASE WHEN regexp_full_match({text}, '\d{{1,6}}([.,]0*)?') THEN {moment} "
            rf"WHEN regexp_full_match({text}, '\d{{1,6}}[.,]\d+') "
            f"THEN {_wall(moment, reading)} END"
        )
    if "%z" in form or "%Z" in form:
        return _from_instant(f"try_strptime({text}, {literal(form)})", reading)
    return _parsed_naive(text, form, reading)


def plain_text(raw: str, reading: Reading) -> str:
    """Without blanks around it and before an apostrophe's text; names of zones as offsets."""
    text = f"regexp_replace({raw}, '^{_BLANK}*''?{_BLANK}*|{_BLANK}+$', '', 'g')"
    for name, offset in reading.zones.items():
        pattern = literal(rf"{_BLANK}+{_escaped(name)}$")
        text = f"regexp_replace({text}, {pattern}, ' {offset}')"
    return text


def in_range(column: Column) -> Check:
    """The check that a loaded time is one that people live in."""
    name = quoted(column.name)
    return Check(
        column.name,
        f"{name} < TIMESTAMP '{EARLIEST}' OR {name} >= TIMESTAMP '{LATEST}'",
        f"{column.name} before {EARLIEST} or after {LATEST}",
        "such rows are set aside; a made-up date for 'unknown' should be empty",
        refuses=False,
    )


def _number(column: Column, raw: str, sql_type: str, reading: Reading) -> Cast:
    money = column.kind is Kind.MONEY
    largest = LARGEST_MONEY if money else LARGEST_NUMBER
    if is_text(sql_type):
        return _number_in_text(column, raw, largest, reading)
    if sql_type in _WHOLE or _decimals(sql_type) is not None:
        exact = f"TRY_CAST({raw} AS DECIMAL(38,12))"
    elif sql_type in ("DOUBLE", "FLOAT"):
        exact = f"TRY_CAST(CAST({raw} AS DOUBLE) AS DECIMAL(38,12))"
    else:
        return _unfit(column, raw, sql_type, "a number", "convert it in a `.sql` mapping")
    value = _rounded(column, exact)
    if money and sql_type == "DOUBLE":
        # Most amounts are cents already; only those near half a cent need the slow exact way.
        value = (
            f"CASE WHEN abs({raw} * 100 - round({raw} * 100)) < 0.4999 "
            f"THEN TRY_CAST(round({raw} * 100) AS BIGINT) ELSE {value} END"
        )
    within = f"{raw} BETWEEN -{largest} AND {largest}"
    beyond = f"{raw} IS NOT NULL AND {quoted(column.stored_name)} IS NULL"
    return Cast(f"CASE WHEN {within} THEN {value} END", (_beyond(column, beyond, largest),))


def _number_in_text(column: Column, raw: str, largest: int, reading: Reading) -> Cast:
    """Plain numbers at once; thousands, units and the forms of a minus only where it is none."""
    plain = raw
    if reading.decimal == ",":
        plain = f"CASE WHEN NOT contains({raw}, '.') THEN replace({raw}, ',', '.') END"
    is_plain = f"COALESCE(regexp_full_match({plain}, '{_NUMBER}'), FALSE)"
    is_odd, odd = _odd_number(raw, reading)

    def value(text: str) -> str:
        return _rounded(column, f"TRY_CAST(trim({text}) AS DECIMAL(38,12))")

    def within(text: str) -> str:
        return f"TRY_CAST({text} AS DOUBLE) BETWEEN -{largest} AND {largest}"

    there = f"{quoted(column.stored_name)} IS NOT NULL OR {raw} IS NULL"
    known = f"{is_plain} OR {is_odd}"

    def suggest(values: Sequence[str], others: bool) -> str:
        return likely_numbers(values, reading.decimal, reading.thousands, reading.place)

    return Cast(
        f"CASE WHEN {is_plain} AND {within(plain)} THEN {value(plain)} "
        f"WHEN {is_odd} AND {within(odd)} THEN {value(odd)} END",
        (
            Check(
                column.name,
                f"CASE WHEN {there} THEN FALSE ELSE NOT ({known}) END",
                f"not a number such as 1234{reading.decimal}50",
                "set `decimal`, `thousands` or `units`, or `nulls` where a word means no value",
                refuses=True,
                suggest=suggest,
            ),
            _beyond(column, f"CASE WHEN {there} THEN FALSE ELSE {known} END", largest),
        ),
    )


def _odd_number(raw: str, reading: Reading) -> tuple[str, str]:
    """Whether a text is a number in one of its further forms, and that number written plainly.

    Forms that can mean one thing only are read undeclared: 250.00- and (250.00), the minus signs
    of typesetters, an apostrophe before all, blanks around it.
    """
    text = f"regexp_replace({raw}, '^{_BLANK}*''?{_BLANK}*|{_BLANK}+$', '', 'g')"
    text = f"translate({text}, '{_MINUSES}', '{'-' * len(_MINUSES)}')"
    for unit in sorted(reading.units, key=len, reverse=True):
        name = _escaped(unit.strip())
        before = literal(rf"^([-+(]*){_BLANK}*{name}{_BLANK}*")
        behind = literal(rf"{_BLANK}*{name}{_BLANK}*([-)]*)$")
        text = rf"regexp_replace(regexp_replace({text}, {before}, '\1'), {behind}, '\1')"
    text = rf"regexp_replace({text}, '^\({_BLANK}*([\d.,].*?){_BLANK}*\)$', '-\1')"
    text = rf"regexp_replace({text}, '^([\d.,].*?){_BLANK}*-$', '-\1')"
    text = rf"regexp_replace({text}, '^([-+]){_BLANK}+', '\1')"
    point = rf"\{reading.decimal}"
    whole = r"\d+"
    if reading.thousands is not None:
        gap = _THOUSANDS[reading.thousands]  # also 12,34,567, as written in India
        whole = rf"(\d{{1,3}}({gap}\d{{3}})+|\d{{1,2}}({gap}\d{{2}})*{gap}\d{{3}}|\d+)"
    form = literal(rf"(?i)[-+]?({whole}({point}\d*)?|{point}\d+)(e[-+]?\d{{1,4}})?")
    is_number = f"COALESCE(regexp_full_match({text}, {form}), FALSE)"
    if reading.thousands is not None:
        text = f"regexp_replace({text}, {literal(gap)}, '', 'g')"
    return is_number, f"replace({text}, '{reading.decimal}', '.')"


def _rounded(column: Column, exact: str) -> str:
    """Cents, or a number of the contract; DECIMAL rounds half away from zero."""
    if column.kind is Kind.MONEY:
        return f"TRY_CAST(round({exact}, 2) * 100 AS BIGINT)"
    return f"TRY_CAST({exact} AS {SQL_TYPES[column.kind]})"


def _beyond(column: Column, condition: str, largest: int) -> Check:
    return Check(
        column.name,
        condition,
        f"{column.name} infinite or beyond {largest:,}",
        "such rows are set aside; correct them at the source",
        refuses=False,
    )


def _flag(column: Column, raw: str, sql_type: str) -> Cast:
    if sql_type == "BOOLEAN":
        return Cast(raw, ())
    if not is_text(sql_type) and sql_type not in _WHOLE:
        return _unfit(column, raw, sql_type, "true or false", "convert it in a `.sql` mapping")
    text = f"lower(trim(CAST({raw} AS VARCHAR)))"
    return Cast(
        f"CASE WHEN {text} IN {_TRUE} THEN TRUE WHEN {text} IN {_FALSE} THEN FALSE END",
        (_unreadable(column, raw, "true or false", "write true, false, 1, 0, yes or no"),),
    )


def _unreadable(column: Column, raw: str, kind: str, advice: str) -> Check:
    condition = f"{raw} IS NOT NULL AND {quoted(column.stored_name)} IS NULL"
    return Check(column.name, condition, f"not {kind}", advice, refuses=True)


def _unfit(column: Column, raw: str, sql_type: str, kind: str, advice: str) -> Cast:
    """A column of a type that holds no such values; it may stand there if it is empty."""
    what = f"stored as {sql_type}, which is not {kind}"
    return Cast(
        f"CAST(NULL AS {SQL_TYPES[column.kind]})",
        (Check(column.name, f"{raw} IS NOT NULL", what, advice, refuses=True),),
    )


def _parsed_naive(raw: str, form: str, reading: Reading) -> str:
    """A format without a clock gives a day, which is the same day in every zone."""
    parsed = f"try_strptime({raw}, {literal(form)})"
    clock = any(sign in form.replace("%-", "%") for sign in ("%H", "%I", "%c", "%X"))
    return _wall(parsed, reading) if clock else parsed


def _wall(naive: str, reading: Reading) -> str:
    if reading.zone == reading.wall:
        return naive
    return _from_instant(f"timezone({literal(reading.zone)}, {naive})", reading)


def _from_instant(instant: str, reading: Reading) -> str:
    return f"timezone({literal(reading.wall)}, {instant})"


def _escaped(text: str) -> str:
    """A text in a pattern of the engine, which stands for itself."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


def _is_number(sql_type: str) -> bool:
    return sql_type in _WHOLE or sql_type in ("DOUBLE", "FLOAT") or _decimals(sql_type) is not None


def is_text(sql_type: str) -> bool:
    """Whether a column of this SQL type holds texts."""
    return sql_type in ("VARCHAR", "UUID") or sql_type.startswith("ENUM")


def _decimals(sql_type: str) -> int | None:
    if not sql_type.startswith("DECIMAL("):
        return None
    return int(sql_type.removesuffix(")").partition(",")[2])
