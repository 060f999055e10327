"""Ids that a spreadsheet has spoilt, and ids of one thing that are written in several ways."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from features.contract import Column, Kind
from pipeline.engines import literal, quoted
from pipeline.sources.findings import Finding
from pipeline.sources.plausibility.seen import Seen
from pipeline.wording import counted, shortened

ACCOUNT_COLUMNS = ("account_id", "parent_id", "from_id", "into_id")
_OF_LINES = ("order_id", "line_id", "complaint_id")  # nearly as many as rows
UNSEEN = (
    r"[\s\x{00a0}\x{00ad}\x{1680}\x{2000}-\x{200f}\x{2028}-\x{202f}\x{205f}-\x{2064}"
    r"\x{3000}\x{feff}]+"
)
"""Blanks of all kinds, and signs that nobody sees."""
NUMERALS = r"^0*([0-9]+?)([.,]0+)?$"
_THOUSANDS = r"[1-9][0-9]{0,2}([.,'\x{2019} \x{00a0}\x{202f}][0-9]{3})+"
_NULLS = ("NULL", "Null", "null", "(null)", "(NULL)", "<NULL>", "NaN", "nan", "N/A", "n/a", "<NA>",
          "\\N", "undefined")  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """A form that no id has by itself. first: a cheap condition on {}, for most ids not true."""

    what: str
    first: str
    pattern: str
    advice: str

    def condition(self, column: str) -> str:
        """SQL that is true of ids of this form."""
        rest = f"regexp_full_match({column}, {literal(self.pattern)})"
        return f"CASE WHEN {self.first.replace('{}', column)} THEN {rest} ELSE FALSE END"


SHAPES = (
    Shape(
        "in scientific notation, such as 1.2E+11: a spreadsheet has dropped digits",
        "(contains({}, 'E+') OR contains({}, 'e+'))",
        r"[0-9]([.,][0-9]+)?[eE]\+[0-9]+",
        "several ids may have become one; export again, with the column as text",
    ),
    Shape(
        "the error of a spreadsheet's cell, such as #N/A",
        "starts_with({}, '#')",
        r"(?i)#(N/A|N/D|NV|NB|NA|N/V)|#[\p{L}0-9/¡¿]+[!?]|#{3,}",
        "they count as one account or thing; repair the formula or the width of the column, and "
        "export again",
    ),
    Shape(
        "a formula of a spreadsheet",
        "starts_with({}, '=')",
        r"(?s)=.+",
        "export values instead of formulas",
    ),
    Shape(
        "with the apostrophe of a spreadsheet before it",
        "starts_with({}, '''')",
        r"'[^a-z\s]*[0-9][^a-z\s]*",
        "take it off in a `.sql` mapping: ltrim({}, '''')",
    ),
    Shape(
        "a word for no value",
        f"{{}} IN ({', '.join(map(literal, _NULLS))})",
        r"(?s).+",
        'they count as one; set `nulls: ["{value}"]`, so that such rows are set aside',
    ),
)


_MAY_BE_ODD = "contains({}, '+') OR starts_with({}, '=') OR {} < '0'"  # of the shapes but words


def odd_ids(tables: Mapping[str, Seen]) -> Iterator[Finding]:
    """Ids of a form that comes from a spreadsheet or a database and not from who gave the id."""
    for seen in tables.values():
        columns = [c for c in seen.table.columns if _is_id(seen, c) and c.name != "line_id"]
        for column in columns:
            name = column.name
            if name in _OF_LINES and not _any(seen, name, _MAY_BE_ODD):
                continue
            conditions = ", ".join(f"count_if({shape.condition('id')})" for shape in SHAPES)
            counts = seen.rows(f"SELECT {conditions} FROM {seen.ids(name)}")[0]
            for shape, count in zip(SHAPES, counts, strict=True):
                if count:
                    yield _odd_shape(seen, column.name, shape, count)
        for column in columns:
            if column.name in ACCOUNT_COLUMNS:
                yield from _separators(seen, column.name)


def _odd_shape(seen: Seen, column: str, shape: Shape, count: int) -> Finding:
    examples = seen.examples(shape.condition(quoted(column)), quoted(column))
    advice = shape.advice.replace("{value}", examples[0].value).replace("{}", column)
    return seen.warning(f"{counted(count, 'id')}: {shape.what}", column, count, examples, advice)


def several_spellings(tables: Mapping[str, Seen]) -> Iterator[Finding]:
    """Ids of one table that differ in blanks, capitals, or how a number is written.

    Capitals are left alone where most ids use both kinds, as those of Salesforce do; an account is,
    where each spelling has a name of its own.
    """
    for seen in tables.values():
        for column in seen.table.columns:
            if not _is_id(seen, column) or column.name in _OF_LINES:
                continue
            bare = f"regexp_replace(id, '{UNSEEN}', '', 'g')"
            plain = f"lower({bare})"
            found = _groups(tables, seen, column.name, plain)
            if found and _uses_both_cases(seen, column.name):
                plain = bare
                found = _groups(tables, seen, column.name, plain)
            if found:
                yield _spelling(seen, column.name, found, "blanks or capitals", "upper(trim({}))")
            if column.name in ACCOUNT_COLUMNS:
                number = (
                    f"CASE WHEN regexp_full_match(id, '{NUMERALS}') "
                    f"THEN regexp_replace(id, '{NUMERALS}', '\\1') ELSE {plain} END"
                )
                merged = _groups(tables, seen, column.name, number, plain)
                if merged:
                    how = "leading zeros or a tail such as .0"
                    change = rf"regexp_replace({{}}, '{NUMERALS}', '\1')"
                    yield _spelling(seen, column.name, merged, how, change)


Group = tuple[str, list[str]]  # the usual spelling, and all


def _is_id(seen: Seen, column: Column) -> bool:
    return column.kind is Kind.ID and seen.has(column.name)


def _groups(
    tables: Mapping[str, Seen], seen: Seen, column: str, key: str, apart: str = ""
) -> list[Group]:
    """Spellings with the same key; apart: those whose second key is the same are not told again."""
    differs = f"count(DISTINCT {apart})" if apart else "count(*)"
    names, own = "", ""
    accounts = tables.get("accounts")
    if column in ACCOUNT_COLUMNS and accounts is not None and accounts.has("name"):
        names = (
            "LEFT JOIN (SELECT account_id AS named, lower(max(name)) AS called FROM accounts "
            "GROUP BY account_id) ON id = named"
        )
        own = " AND count(DISTINCT called) < count(*)"
    return [
        (usual, spellings)
        for usual, spellings in seen.rows(
            f"SELECT arg_max(id, (often, id)), list(id ORDER BY id) FROM {seen.ids(column)} "
            f"{names} GROUP BY {key} HAVING {differs} > 1{own} ORDER BY ALL"
        )
    ]


def _uses_both_cases(seen: Seen, column: str) -> bool:
    """Whether most ids are codes in which a and A are two signs."""
    both = " AND ".join(f"regexp_matches(id, '{c}')" for c in ("[a-z]", "[A-Z]", "[0-9]"))
    code = f"{both} AND regexp_full_match(id, '[A-Za-z0-9_-]{{8,}}')"
    share = seen.rows(f"SELECT avg(CAST({code} AS INTEGER)) FROM {seen.ids(column)}")[0][0]
    return share is not None and share > 0.5


def _spelling(seen: Seen, column: str, groups: list[Group], how: str, change: str) -> Finding:
    name = quoted(column)
    rare = {each: usual for usual, spellings in groups for each in spellings if each != usual}
    first = dict(list(rare.items())[:50])
    usual = " ".join(f"WHEN {literal(a)} THEN {literal(b)}" for a, b in first.items())
    ids = sum(len(spellings) for _, spellings in groups)
    return seen.warning(
        f"{ids:,} ids differ only in {how} from another: "
        + "; ".join(" and ".join(f"'{shortened(s)}'" for s in group) for _, group in groups[:3])
        + ("; ..." if len(groups) > 3 else ""),
        column,
        ids,
        seen.examples(
            f"{name} IN ({', '.join(map(literal, first))})",
            f"concat('''', {name}, ''', elsewhere ''', CASE {name} {usual} END, '''')",
        ),
        seen.mapping("if they are the same, write them alike", {column: change}),
    )


def _separators(seen: Seen, column: str) -> Iterator[Finding]:
    """Numbers with signs between thousands, and cells with several ids."""
    name, ids = quoted(column), seen.ids(column)
    fits = f"regexp_full_match(id, {literal(_THOUSANDS)})"
    of_form, lengths, full, commas = seen.rows(
        f"SELECT count(*), count(DISTINCT length(id)), "
        "count_if(regexp_matches(id, '^[0-9]{3}[^0-9]')), count_if(contains(id, ',')) "
        f"FROM {ids} WHERE {fits}"
    )[0]
    plan = lengths == 1 and full == of_form and not commas  # such as 123.456.789 everywhere
    if of_form and not plan:
        condition = fits.replace("(id,", f"({name},")
        yield seen.warning(
            f"{counted(of_form, 'id')} with signs between thousands, such as 10,023",
            column,
            of_form,
            seen.examples(condition, name),
            seen.mapping("take them out", {column: "regexp_replace({}, '[^0-9]', '', 'g')"}),
        )
    parts = "list_transform(string_split_regex(id, '[;|]'), lambda part: trim(part))"
    cut = "(contains(id, ';') OR contains(id, '|'))"
    several, all_ids = seen.rows(f"SELECT count_if({cut}), count(*) FROM {ids}")[0]
    known = several and seen.rows(
        f"SELECT count(*) FROM {ids} WHERE {cut} "
        f"AND list_has_all((SELECT list(id) FROM {ids}), {parts})"
    ) != [(0,)]
    if several and (known or several <= all_ids / 2):
        condition = f"regexp_matches({name}, '[;|]')"
        yield seen.warning(
            f"{counted(several, 'id')} with a separator inside: several ids in one cell?",
            column,
            several,
            seen.examples(condition, name),
            "write a row for each id, or check `delimiter`",
        )


def _any(seen: Seen, column: str, condition: str) -> bool:
    """Whether any row has an id of which a condition on {} is true."""
    where = condition.replace("{}", quoted(column))
    return bool(seen.rows(f"SELECT 1 FROM {seen.name} WHERE {where} LIMIT 1"))
