"""Every bad input of the catalogue of faults, by its number: a small project that has the fault.

Numbers 1 to 9 are about files, 10 to 23 about what is there and its values, 40 and 43 about the
config. A fault may have several cases. `validate` must end each with `code` and say each of `says`
somewhere, on standard output or standard error. Cases whose refusal belongs to another command
(17, 22) have what `validate` itself says of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
from small_files import (
    CONFIG,
    Form,
    Text,
    as_csv,
    as_parquet,
    config,
    good_rows,
    parquet,
    written,
)

DATA, MISSING, AGAIN, BAD_CONFIG = 65, 66, 75, 78
UNREADABLE_DATE = "03/04/2025"


@dataclass(frozen=True)
class BadInput:
    """One project with one fault.

    case: the fault in a few words. files: by name, the config among them. code: that `validate`
    must end with. says: what it must say. tables: the rows in the files, as text, where the fault
    is one of values, so that it can be put into a server's tables too. changing: the file that
    somebody writes to while it is read.
    """

    case: str
    files: Mapping[str, bytes]
    code: int = DATA
    says: tuple[str, ...] = ()
    tables: Mapping[str, list[Text]] = field(default_factory=dict)
    changing: str = ""

    def write(self, folder: Path) -> Path:
        """Write all files; the config's path."""
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        return folder / CONFIG


Maker = Callable[[Form], Iterator[BadInput]]


def bad_inputs(number: int, form: Form) -> list[BadInput]:
    """The cases of a fault in a form; none where the fault cannot be in that form."""
    return list(FAULTS[number](form))


def _of_bytes(case: str, content: bytes, form: Form, *says: str, **choices: object) -> BadInput:
    """Orders whose file is bad; choices: further keys of their source, and `code`."""
    code = int(str(choices.pop("code", DATA)))
    name = f"orders.{form}"
    sources = {"orders": {"path": name, **choices}}
    return BadInput(case, {CONFIG: config(sources), name: content}, code, says)


def _of_rows(
    case: str,
    form: Form,
    table: str,
    rows: list[Text],
    *says: str,
    code: int = 0,
    options: Mapping[str, object] | None = None,
    **sections: object,
) -> BadInput:
    """A table whose values are bad; options: further keys of its source."""
    sources = {table: {"path": f"{table}.{form}", **(options or {})}}
    files = {CONFIG: config(sources, **sections), f"{table}.{form}": written(rows, table, form)}
    return BadInput(case, files, code, says, {table: rows})


def _one(table: str, **values: str) -> list[Text]:
    """Good rows, the last of them with other values."""
    *rows, last = good_rows(table)
    return [*rows, last | values]


def _byte_order_mark(form: Form) -> Iterator[BadInput]:
    """1: UTF-8 with a byte-order mark gives the same result as without."""
    if form == "csv":
        content = b"\xef\xbb\xbf" + as_csv(good_rows("orders"))
        yield _of_bytes("byte-order mark", content, form, "orders: 40 rows", code=0)


def _other_encodings(form: Form) -> Iterator[BadInput]:
    """2: cp1252 and UTF-16, undeclared."""
    if form == "csv":
        text = as_csv(_one("orders", account_id="Müller")).decode()
        at = len(text.partition("ü")[0])
        said = (f"byte {at:,} (0xfc)", "set `encoding`")
        yield _of_bytes("cp1252", text.encode("cp1252"), form, *said)
        yield _of_bytes("utf-16", text.encode("utf-16"), form, "byte 0 (0xff)", "set `encoding`")


def _semicolons(form: Form) -> Iterator[BadInput]:
    """3: semicolons between columns and commas in decimals."""
    if form == "csv":
        rows = [row | {"amount": row["amount"].replace(".", ",")} for row in good_rows("orders")]
        said = ("account_id;order_id", "delimiter", "decimal")
        yield _of_bytes("semicolons, decimal commas", as_csv(rows, ";"), form, *said)
        said = ("not a number", "row 2: '100,00'", '`decimal: ","`')
        yield _of_bytes("decimal commas alone", as_csv(rows, ";"), form, *said, delimiter=";")


def _ragged(form: Form) -> Iterator[BadInput]:
    """4: a row with a column too few, or too many."""
    if form == "csv":
        lines = as_csv(good_rows("orders")).splitlines(keepends=True)
        few = [*lines[:3], lines[3].rpartition(b",")[0] + b"\n", *lines[4:]]
        yield _of_bytes("a column too few", b"".join(few), form, "1 row: fewer than", "line 4")
        many = [*lines[:3], b"x," + lines[3], *lines[4:]]
        yield _of_bytes("a column too many", b"".join(many), form, "1 row: more than", "line 4")


def _empty(form: Form) -> Iterator[BadInput]:
    """5: zero bytes; a header without rows."""
    yield _of_bytes("zero bytes", b"", form, "0 rows", "1 row")
    rows = good_rows("orders")
    if form == "csv":
        alone = as_csv(rows).splitlines(keepends=True)[0]
    else:
        alone = parquet(pa.table({name: pa.array([], pa.string()) for name in rows[0]}))
    yield _of_bytes("header only", alone, form, "0 rows", "at least 1")


def _damaged_parquet(form: Form) -> Iterator[BadInput]:
    """6: Parquet cut off, or compressed with Brotli."""
    if form == "parquet":
        rows = good_rows("orders")
        content = as_parquet(rows, "orders")
        for kept in (len(content) - 20, len(content) // 2, 3):
            said = ("orders.parquet", "export it again")
            yield _of_bytes(f"cut off after {kept} bytes", content[:kept], form, *said)
        brotli = as_parquet(rows, "orders", compression="brotli")
        yield _of_bytes("brotli", brotli, form, "orders.parquet", "Brotli", "zstd or snappy")


def _duplicate_column(form: Form) -> Iterator[BadInput]:
    """7: two columns of one name, exactly or but for capitals."""
    rows = good_rows("orders")
    for again in ("amount", "Amount"):
        if form == "csv":
            lines = as_csv(rows).splitlines()
            body = b"\n".join(line + b",1" for line in lines[1:])
            content = lines[0] + f",{again}\n".encode() + body + b"\n"
        else:
            names = [*rows[0], again]
            arrays = [pa.array([row[name.lower()] for row in rows]) for name in names]
            content = parquet(pa.Table.from_arrays(arrays, names))
        yield _of_bytes(f"{again} twice", content, form, "a column twice", "amount")


def _columns(form: Form) -> Iterator[BadInput]:
    """8: a column missing, one too many, one of another type."""
    rows = [
        {"acount_id" if name == "account_id" else name: value for name, value in row.items()}
        for row in good_rows("orders")
    ]
    said = ("the required column is missing", "the nearest is 'acount_id'")
    yield _of_rows("a column missing", form, "orders", rows, *said, code=DATA)
    rows = [row | {"colour": "red"} for row in good_rows("orders")]
    yield _of_rows("a column too many", form, "orders", rows, "1 column not used: colour")
    if form == "parquet":
        table = pa.table({**_arrow(good_rows("orders")), "amount": pa.array([b"1"] * 40)})
        said = ("stored as BLOB", "not a number")
        yield _of_bytes("a column of another type", parquet(table), form, *said)


def _control_characters(form: Form) -> Iterator[BadInput]:
    """9: NUL and control characters in ids."""
    for sign in ("\0", "\x07", "\n", "\x7f"):
        rows = _one("orders", account_id=f"A{sign}1")
        said = ("1 value: control or invisible characters", "account_id")
        yield _of_rows(f"{sign!r} in an id", form, "orders", rows, *said, code=DATA)


def _not_there(form: Form) -> Iterator[BadInput]:
    """10: a file that is missing, or that changes while it is read."""
    bad = _of_rows("a file missing", form, "orders", good_rows("orders"), code=MISSING)
    yield BadInput(bad.case, {CONFIG: bad.files[CONFIG]}, MISSING, (f"orders.{form}", "no such"))
    files = {f"{name}.{form}": written(good_rows(name), name, form) for name in ("orders", "reps")}
    sources = {name: {"path": f"{name}.{form}"} for name in ("orders", "reps")}
    yield BadInput(
        "a file changing while it is read",
        {CONFIG: config(sources), **files},
        AGAIN,
        (f"orders.{form}: changed while it was read",),
        changing=f"orders.{form}",
    )


def _leading_zeros(form: Form) -> Iterator[BadInput]:
    """11: an id with leading zeros stays text."""
    rows = _one("orders", account_id="00123")
    yield _of_rows("00123", form, "orders", rows, "orders: 40 rows", "0 errors")


def _words_for_nothing(form: Form) -> Iterator[BadInput]:
    """12: ids that other readers take for nothing stay text; what is hardly a name is warned of."""
    for word, said in (
        ("NA", "0 warnings"),
        ("null", "a word for no value"),
        ("nan", "a word for no value"),
        ("None", "0 warnings"),
        ("N/A", "a word for no value"),
    ):
        rows = _one("orders", account_id=word)
        yield _of_rows(word, form, "orders", rows, "orders: 40 rows", said)


def _null_keys(form: Form) -> Iterator[BadInput]:
    """13: keys without a value are set aside; too many of them are refused."""
    rows = _one("orders", account_id="")
    said = ("1 row quarantined: no account_id",)
    yield _of_rows("a null key", form, "orders", rows, *said)
    rows = good_rows("orders")
    rows[-3:] = [row | {"account_id": ""} for row in rows[-3:]]
    said = ("3 of 40 rows (7.5%) are quarantined", "max_quarantined_share")
    yield _of_rows("too many null keys", form, "orders", rows, *said, code=DATA)


def _duplicate_keys(form: Form) -> Iterator[BadInput]:
    """14: identical lines without line_id; one key, one known_at, two contents."""
    lines = [{k: v for k, v in row.items() if k != "line_id"} for row in good_rows("orders")]
    lines.append(lines[-1])
    said = ("1 row exactly like another", "kept", "dedupe: true")
    yield _of_rows("identical lines", form, "orders", lines, *said)
    said = ("1 row exactly like another", "dropped")
    dedupe = {"dedupe": True}
    yield _of_rows("identical lines, dedupe", form, "orders", lines, *said, options=dedupe)
    rows = good_rows("orders")
    rows.append(rows[-1] | {"amount": "1.00"})
    said = ("1 conflict: the same key", "order_id O0019 line_id 2")
    yield _of_rows("other content", form, "orders", rows, *said, code=DATA)


def _negative_amounts(form: Form) -> Iterator[BadInput]:
    """15: returns are kept and counted."""
    rows = _one("orders", amount="-12.50")
    yield _of_rows("a return", form, "orders", rows, "orders: 40 rows", "1 return")


def _currencies(form: Form) -> Iterator[BadInput]:
    """16: several currencies without rates."""
    rows = _one("orders", currency="USD")
    said = ("several currencies: EUR, USD",)
    yield _of_rows("two currencies", form, "orders", rows, *said, code=DATA)


def _beyond_the_end(form: Form) -> Iterator[BadInput]:
    """17: rows after complete_until; rows after the snapshot, and a stale extract, are for `score`.

    The last snapshot of the second case is a month after the newest row.
    """
    options = {"complete_until": "2024-02-05T00:00:00"}
    said = ("6 rows quarantined: after complete_until",)
    rows = good_rows("orders")
    yield _of_rows("after complete_until", form, "orders", rows, *said, options=options)
    snapshots = {"first": "2024-01-20", "last": "2024-03-20", "every": "week"}
    yield _of_rows("a stale extract", form, "orders", rows, snapshots=snapshots)


def _zones(form: Form) -> Iterator[BadInput]:
    """18: mixed offsets, naive times, and a time in the hour that daylight saving leaves out."""
    for case, stamp in (
        ("mixed offsets", "2024-02-10T09:00:00+05:30"),
        ("zulu", "2024-02-10T09:00:00Z"),
        ("a gap", "2024-03-31 02:30:00"),
    ):
        rows = _one("touches", occurred_at=stamp, known_at=stamp)
        yield _of_rows(case, form, "touches", rows, "touches: 40 rows")


def _ambiguous_dates(form: Form) -> Iterator[BadInput]:
    """19: 03/04/2025 without a declared format."""
    rows = _one("orders", occurred_at=UNREADABLE_DATE, known_at="")
    said = ("1 value: not a time", f"'{UNREADABLE_DATE}'", "datetime_format")
    yield _of_rows(UNREADABLE_DATE, form, "orders", rows, *said, code=DATA)


def _magnitudes(form: Form) -> Iterator[BadInput]:
    """20: numbers that are infinite or absurd."""
    for number in ("1e309", "inf", "-Infinity", "nan", "1e300", "-99999999999999"):
        rows = _one("orders", amount=number)
        said = ("1 row quarantined: amount infinite or beyond",)
        yield _of_rows(number, form, "orders", rows, *said)


def _out_of_order(form: Form) -> Iterator[BadInput]:
    """21: resolved, or responded to, before it was opened."""
    for stage in ("resolved_at", "first_response_at"):
        rows = _one("complaints", **{stage: "2024-01-01 09:00:00"})
        said = (f"1 row quarantined: {stage} before opened_at",)
        yield _of_rows(f"{stage} before opened_at", form, "complaints", rows, *said)


def _all_null(form: Form) -> Iterator[BadInput]:
    """22: an optional column that is empty throughout; the gate against training is for `score`."""
    rows = [row | {"margin": ""} for row in good_rows("orders")]
    yield _of_rows("no margin anywhere", form, "orders", rows, "orders: 40 rows", "0 errors")


def _huge_text(form: Form) -> Iterator[BadInput]:
    """23: a text of a million characters."""
    rows = _one("orders", category="x" * 1_000_000)
    said = ("1 row quarantined: category longer than 1,000 characters",)
    yield _of_rows("a million characters", form, "orders", rows, *said)


def _identifiers(form: Form) -> Iterator[BadInput]:
    """40: identifiers with quotes, semicolons and comments are names and nothing else."""
    names = ('a"b', "a'b", "a; DROP TABLE orders --", "a/*", 'x" FROM orders; --', "*", "c0", "a\\")
    for name in names:
        rows = [{name: row["account_id"], **row} for row in good_rows("orders")]
        for row in rows:
            del row["account_id"]
        named = {"columns": {"account_id": name}}
        said = ("orders: 40 rows", "0 errors")
        yield _of_rows(f"a column {name}", form, "orders", rows, *said, options=named)
        wrong = {"columns": {"account_id": name + "?"}}
        said = ("there is no column",)
        yield _of_rows(f"no column {name}?", form, "orders", rows, *said, options=wrong, code=DATA)


def _strict_yaml(form: Form) -> Iterator[BadInput]:
    """43: tags, keys that are given twice, keys that nobody knows; aliases too."""
    good = config({"orders": {"path": f"orders.{form}"}}).decode()
    for case, text, said in (
        ("a tag", good + "currency: !!python/object/apply:os.getcwd []\n", "tag"),
        ("a key twice", good + "name: again\n", "given twice"),
        ("an unknown key", good + "colour: red\n", "unknown key"),
        ("an alias", good + "cohort: &a {days: 90}\nmodel: *a\n", "aliases are refused"),
        ("a key below that is unknown", good + "cohort: {day: 90}\n", "did you mean 'days'"),
    ):
        files = {
            CONFIG: text.encode(),
            f"orders.{form}": written(good_rows("orders"), "orders", form),
        }
        yield BadInput(case, files, BAD_CONFIG, (CONFIG, said))


def _arrow(rows: list[Text]) -> dict[str, pa.Array]:
    return {name: pa.array([row[name] or None for row in rows]) for name in rows[0]}


FAULTS: Mapping[int, Maker] = {
    1: _byte_order_mark,
    2: _other_encodings,
    3: _semicolons,
    4: _ragged,
    5: _empty,
    6: _damaged_parquet,
    7: _duplicate_column,
    8: _columns,
    9: _control_characters,
    10: _not_there,
    11: _leading_zeros,
    12: _words_for_nothing,
    13: _null_keys,
    14: _duplicate_keys,
    15: _negative_amounts,
    16: _currencies,
    17: _beyond_the_end,
    18: _zones,
    19: _ambiguous_dates,
    20: _magnitudes,
    21: _out_of_order,
    22: _all_null,
    23: _huge_text,
    40: _identifiers,
    43: _strict_yaml,
}
"""The maker of each fault's cases by the fault's number in the catalogue."""
