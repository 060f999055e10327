"""What texts that cannot be read are likely to mean, and the line of the config that says so.

Nothing here reads data: a likely reading is shown to the user, who declares it or does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product

from pipeline.wording import as_yaml, listed, shortened

_WORDS_FOR_NOTHING = {
    *("null", "none", "nil", "na", "n/a", "nan", "nat", "#n/a", "#nv", "#null!", r"\n", "(null)"),
    *("<null>", "-", "--", "---", ".", "?", "unknown", "tbd", "k.a.", "(blank)", "0000-00-00"),
    *("0000-00-00 00:00:00", "00.00.0000", "00/00/0000", "00000000"),
}
_ERROR_CELL = re.compile(r"#[\w/]+[!?]")
_SIDES = {"CR", "DR", "C", "D", "H", "S"}
_FACTORS = {
    "%",
    "k",
    "m",
    "t",
    "tsd",
    "mio",
    "mn",
    "mrd",
    "bn",
    "t\u20ac",
    "k\u20ac",
    "teur",
    "keur",
    "$k",
}
_BLANKS = " \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_SIGNS = r"\-" "+()'\u2212\u2010-\u2013\ufe63\uff0d"
_NUMBER = re.compile(
    rf"[{_SIGNS}{_BLANKS}]*(?P<before>[^\d{_SIGNS}{_BLANKS}.,]{{0,6}})[{_SIGNS}{_BLANKS}]*"
    rf"(?P<core>[\d.,]([\d.,'\u2019{_BLANKS}]*\d)?[.,]?)"
    rf"[{_SIGNS}{_BLANKS}]*(?P<behind>[^\d{_SIGNS}{_BLANKS}.,]{{0,6}})[{_SIGNS}{_BLANKS}]*"
)
_GAPS = {None: "", ".": r"\.", ",": ",", " ": f"[{_BLANKS}]", "'": "['\u2019]"}
_WAYS = [  # decimal sign and that between thousands, the simplest first
    *((".", None), (",", None), (",", "."), (".", ","), (",", " "), (".", " "), (".", "'")),
    (",", "'"),
]

_DAYS = ["%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d"]
_DAYS += ["%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y"]
_DAYS += ["%d %B %Y", "%d. %B %Y", "%b %d, %Y", "%B %d, %Y", "%Y%m%d", "%Y-%m-%d"]
_CLOCKS = ["", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", ", %H:%M:%S"]
_CLOCKS += ["T%H:%M:%S", " %H:%M:%S.%f", " %H.%M", " %H.%M.%S", ":%H:%M:%S"]
_ENDINGS = ["", " %z", "%z"]
_COMPACT = ["%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y%m%dT%H%M%S"]
_ALL = [f"{day}{clock}{end}" for end, clock, day in product(_ENDINGS, _CLOCKS, _DAYS)] + _COMPACT
_ZONE = re.compile(r"\d[ ]+(?P<zone>[A-Z]{2,5})$")
_OFFSETS = {
    **{"CET": "+01:00", "CEST": "+02:00", "MEZ": "+01:00", "MESZ": "+02:00", "WET": "+00:00"},
    **{"WEST": "+01:00", "EET": "+02:00", "EEST": "+03:00", "EST": "-05:00", "EDT": "-04:00"},
    **{"CST": "-06:00", "CDT": "-05:00", "MST": "-07:00", "MDT": "-06:00", "PST": "-08:00"},
    **{"PDT": "-07:00", "BST": "+01:00", "JST": "+09:00", "AEST": "+10:00", "AEDT": "+11:00"},
}
_ISO_DAY = "%Y-%m-%d"
_SAMPLES = [
    datetime(2011, 10, 9, 8, 7, 6),
    datetime(2024, 3, 4, 15, 16, 17),
    datetime(2012, 12, 31),
]


def likely_numbers(values: Sequence[str], decimal: str, thousands: str | None, place: str) -> str:
    """Advice for texts that are not numbers as declared; "" where nothing is likely.

    decimal, thousands: as declared. place: the source in the config, such as `sources.orders`.
    """
    words = [value for value in values if _is_for_nothing(value)]
    errors = [value for value in values if _ERROR_CELL.fullmatch(value.strip())]
    numbers = {value: _NUMBER.fullmatch(value.strip()) for value in values}
    found = {value: match for value, match in numbers.items() if match and value not in words}
    said = []
    if found:
        said += _number_choices(found, decimal, thousands, place)
    if words:
        said.append(_nulls(words, place))
    if errors:
        said.append(
            f"{_shown(errors[0])} is an error of the spreadsheet: correct it there, or write "
            f"`nulls: {as_yaml(errors)}` in `{place}` if it stands for no value"
        )
    return "; ".join(said)


def _number_choices(
    found: dict[str, re.Match[str]], decimal: str, thousands: str | None, place: str
) -> list[str]:
    units = sorted(
        {unit for match in found.values() for unit in (match["before"], match["behind"]) if unit}
    )
    for unit in units:
        if unit.upper() in _SIDES or unit.lower() in _FACTORS:
            value = next(value for value, match in found.items() if unit in match.groups())
            what = "the side of an account" if unit.upper() in _SIDES else "a factor"
            return [
                f"{_shown(value)}: if '{unit}' is {what}, write the number that is meant in a "
                "`.sql` mapping"
            ]
    cores = {value: match["core"] for value, match in found.items()}
    ways = [way for way in _WAYS if all(_fits(core, *way) for core in cores.values())]
    if (decimal, thousands) in ways:
        ways = [(decimal, thousands)]  # the units alone are in the way
    value = max(cores, key=lambda value: (len(cores[value]), value))
    choices = []
    for way in _different(ways, cores.values()):
        keys = []
        if way[0] != decimal:
            keys.append(f'`decimal: "{way[0]}"`')
        if way[1] not in (None, thousands):
            keys.append(f'`thousands: "{way[1]}"`')
        if units:
            keys.append(f"`units: {as_yaml(units)}`")
        if keys:
            choices.append((" and ".join(keys), _plain(cores[value], *way)))
    return _choice(value, choices, place)


def _choice(value: str, choices: Sequence[tuple[str, str]], place: str) -> list[str]:
    """What to write, given each way to read a value: the keys, and what it then is."""
    if len(choices) == 1:
        keys, meaning = choices[0]
        return [f"write {keys} in `{place}`: {_shown(value)} is then {meaning}"]
    said = " or ".join(f"{keys} if {_shown(value)} is {meaning}," for keys, meaning in choices)
    return [f"write in `{place}` {said[:-1]}"] if choices else []


def _different(
    ways: list[tuple[str, str | None]], cores: Iterable[str]
) -> list[tuple[str, str | None]]:
    """The first of the ways that agree about all numbers, one for each way to read them."""
    readings: dict[tuple[str, ...], tuple[str, str | None]] = {}
    for way in ways:
        readings.setdefault(tuple(_plain(core, *way) for core in cores), way)
    return list(readings.values())


def _fits(core: str, decimal: str, thousands: str | None) -> bool:
    gap, point = _GAPS[thousands], re.escape(decimal)
    whole = r"\d+"
    if gap:
        whole = rf"(\d{{1,3}}({gap}\d{{3}})+|\d{{1,2}}({gap}\d{{2}})*{gap}\d{{3}}|\d+)"
    return re.fullmatch(rf"{whole}({point}\d*)?|{point}\d+", core) is not None


def _plain(core: str, decimal: str, thousands: str | None) -> str:
    plain = re.sub(_GAPS[thousands], "", core) if thousands else core
    return plain.replace(decimal, ".")


def likely_times(values: Sequence[str], declared: Sequence[str], others: bool, place: str) -> str:
    """Advice for texts that are not times as declared; "" where nothing is likely.

    declared: the formats of the column, none for ISO 8601. others: whether it has further values,
    which are read. place: the source in the config, such as `sources.orders`.
    """
    words = [value for value in values if _is_for_nothing(value)]
    left = [value.strip() for value in values if value not in words]
    said = []
    if left:
        said += _zone_choices(left, place) or _time_choices(left, declared, others, place)
    if words:
        said.append(_nulls(words, place))
    return "; ".join(said)


def _zone_choices(values: list[str], place: str) -> list[str]:
    zones = {match["zone"] for value in values if (match := _ZONE.search(value))}
    zones -= {"AM", "PM", "UTC", "GMT"}
    if not zones:
        return []
    offsets = ", ".join(f'{zone}: "{_OFFSETS.get(zone, "+HH:MM")}"' for zone in sorted(zones))
    value = next(value for value in values if _ZONE.search(value))
    return [
        f"write `zones: {{{offsets}}}` in `{place}`: {_shown(value)} ends in the name of a zone, "
        "whose offset that is"
    ]


def _time_choices(
    values: list[str], declared: Sequence[str], others: bool, place: str
) -> list[str]:
    kept = [*declared] if others or not declared else []
    if others and not declared:
        kept = ["iso"]
    undeclared = declared and "iso" not in declared
    found = (
        (_iso(values) if undeclared else []) or _numeric_formats(values) or _text_formats(values)
    )
    choices = []
    for formats, meaning in found:
        written = [*kept, *(form for form in formats if form not in kept)]
        shown = as_yaml(written[0]) if len(written) == 1 else as_yaml(written)
        choices.append((f"`datetime_format: {shown}`", meaning))
    if not choices and all(re.fullmatch(r"\d{1,6}([.,]\d+)?", value) for value in values):
        return [
            f"{_shown(values[0])} looks like a duration, such as minutes, and not like a time: add "
            "it to the time from which it counts in a `.sql` mapping, such as "
            "`CAST(opened AS TIMESTAMP) + to_minutes(TRY_CAST(minutes AS BIGINT))` with the names "
            "of your columns; docs/sources.md has a whole one"
        ]
    return _choice(values[0], choices, place)


def _iso(values: list[str]) -> list[tuple[list[str], str]]:
    """ISO 8601, where other formats are declared."""
    if all(re.match(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}|$)", value) for value in values):
        return [(["iso"], "read as ISO 8601")]
    return []


def _numeric_formats(values: list[str]) -> list[tuple[list[str], str]]:
    def all_match(pattern: str) -> bool:
        return all(re.fullmatch(pattern, value) for value in values)

    value = float(values[0].replace(",", ".")) if all_match(r"\d+([.,]\d+)?") else 0
    for form, digits, unit, size in (
        ("epoch_s", r"\d{9,10}", "seconds", 1),
        ("epoch_ms", r"\d{12,13}", "milliseconds", 1e3),
        ("epoch_us", r"\d{15,16}", "microseconds", 1e6),
    ):
        if all_match(digits + r"([.,]\d+)?"):
            moment = datetime.fromtimestamp(value / size, tz=UTC)
            return [([form], f"{moment:%Y-%m-%d %H:%M} UTC ({unit} since 1970)")]
    if all_match(r"[2-7]\d{4}([.,]\d+)?"):
        moment = datetime(1899, 12, 30) + timedelta(days=value)
        return [(["excel"], f"{moment:%Y-%m-%d} (a spreadsheet's days since 1899-12-30)")]
    return []


def _text_formats(values: list[str]) -> list[tuple[list[str], str]]:
    """The formats that read all values, or the fewest that do together, with the first's date."""
    signs = {_signs(value) for value in values}
    forms = [form for form in _ALL if _signs_of_format(form) in signs]
    read = {form: {value for value in values if _parse(value, form)} for form in forms}
    if not read:
        return []
    whole = [form for form, texts in read.items() if len(texts) == len(values)]
    if not whole:
        chosen: list[str] = []
        left = set(values)
        while left and len(chosen) < 3:
            form = max(read, key=lambda form: len(read[form] & left))
            if not read[form] & left:
                return []
            chosen.append(form)
            left -= read[form]
        return [] if left else [(chosen, _said(values[0], chosen))]
    readings: dict[tuple[datetime | None, ...], str] = {}
    for form in whole:
        readings.setdefault(tuple(_parse(value, form) for value in values), form)
    return [([form], _said(values[0], [form])) for form in readings.values()]


def _signs(value: str) -> tuple[str, bool]:
    """What stands between the digits and letters of a text, and whether an offset ends it.

    Python's strptime is slow with many formats; few have the signs of a text.
    """
    plain = re.sub(r"[+-]\d{2}:?\d{2}$", "", value) if ":" in value else value
    return re.sub(r"\w", "", plain), plain != value


def _signs_of_format(form: str) -> tuple[str, bool]:
    plain = form.removesuffix("%z")
    return re.sub(r"%\w|\w", "", plain), plain != form


def _said(value: str, formats: list[str]) -> str:
    form = next(form for form in formats if _parse(value, form))
    moment = datetime.strptime(value, form)
    clock = "%H" in form or "%I" in form
    return f"{moment.day} {moment:%B %Y}" + (f" at {moment:%H:%M}" if clock else "")


def may_collide(one: str, other: str) -> bool:
    """Whether two formats may read one text as two times."""
    one, other = (_ISO_DAY if form == "iso" else form for form in (one, other))
    if "%" not in one or "%" not in other:
        # moments counted from a day; no two of these read the same digits
        return any("%" in form and _SAMPLES[0].strftime(form).isdigit() for form in (one, other))
    for sample in _SAMPLES:
        for writes, reads in ((one, other), (other, one)):
            try:
                text = sample.strftime(writes)
            except ValueError:
                return True
            parsed = _parse(text, reads)
            if parsed and parsed != _parse(text, writes):
                return True
    return False


def _parse(value: str, form: str) -> datetime | None:
    try:
        parsed = datetime.strptime(value, form)
    except ValueError:
        return None
    return parsed if 1950 <= parsed.year < 2100 else None


def _is_for_nothing(value: str) -> bool:
    return value.strip().lower() in _WORDS_FOR_NOTHING


def _nulls(words: Sequence[str], place: str) -> str:
    words = sorted({word.strip() for word in words})
    shown = listed(map(_shown, words), 3)
    return f"write `nulls: {as_yaml(words)}` in `{place}` if {shown} stands for no value"


def _shown(value: str) -> str:
    return f"'{shortened(value)}'"
