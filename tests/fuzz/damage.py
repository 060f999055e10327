"""Ways to damage bytes and text, each a small step; a few of them make one bad file."""

from __future__ import annotations

from random import Random

NUMBERS = (
    *("1e309", "-1e309", "inf", "-Infinity", "nan", "1e-400", "0x10", "1_000", "1,5", "1.234,56"),
    *("-0", "+", "-", ".", "1e", "9" * 40, "0." + "0" * 400 + "1", "99999999999999", "1e5", "½"),
    *("9223372036854775808", "-9223372036854775809", "١٢٣"),
)
STAMPS = (
    *("2024-02-30", "2024-13-01", "0000-01-01", "0001-01-01", "9999-12-31 23:59:59", "infinity"),
    *("2024-01-05 24:00:00", "2024-01-05T10:00:00+99:99", "2024-01-05 10:00:60", "03/04/2025"),
    *("2024-03-31 02:30:00", "2024-10-27T02:30:00+02:00", "290309-12-22 (BC) 00:00:00", "epoch"),
    *("1899-12-31", "2200-01-01", "2024-01-05 10:00:00.123456789", "20240105", "-infinity"),
    *("294247-01-10 04:00:54.775807", "2024-01-05 10:00:00-15:59:59", "2024-01-05T10:00Z"),
)
TEXTS = (
    *(
        "",
        " ",
        "NULL",
        "null",
        "NA",
        "nan",
        "None",
        "\\N",
        '"',
        '""',
        '"""',
        "'",
        "''",
        "\\",
        "\\n",
    ),
    *(";", ",", "\t", "|", "#", "--", "/*", "=1+1", "@x", "${HOME}", "{}", "%s", "[1]", "é", "ß"),
    *("\0", "\x07", "\x1a", "\x7f", "\x85", "\u2028", "\ufeff", "\u202e", "\U0001f600", "e\u0301"),
    *("true", "false", "maybe", "1", "0", "price", "EUR", "x" * 1001, "x" * 70_000, "\r", "\n"),
)
VALUES = (*NUMBERS, *STAMPS, *TEXTS)
_BYTES = (b"\0", b"\xff", b"\xfe\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc0\x80", b"\xed\xa0\x80")
_SIGNS = b",;|\t\"\n\r'\\ \0#="
ENCODINGS = (
    *("utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1", "utf-7", "utf-8-sig"),
    *("cp037", "gb18030", "shift_jis"),
)


def damaged(random: Random, content: bytes, steps: int = 0) -> bytes:
    """Content after some steps of damage; 1 to 4 where steps is 0."""
    for _ in range(steps or random.choice((1, 1, 1, 2, 2, 3, 4))):
        content = random.choice(_STEPS)(random, content)
    return content


def damaged_table(random: Random, content: bytes) -> bytes:
    """CSV text after some steps, most of them of lines, columns and values."""
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 5))):
        step = random.choice(_STEPS if random.random() < 0.25 else _TABLE_STEPS)
        content = step(random, content)
    return content


def place(random: Random, content: bytes) -> int:
    """Any offset, the end included."""
    return random.randint(0, len(content))


def span(random: Random, content: bytes) -> tuple[int, int]:
    """Where a part begins and ends; most parts are short."""
    start = place(random, content)
    length = random.choice((1, 2, 4, 8, 32, 256, len(content)))
    return start, min(len(content), start + random.randint(0, length))


def _flip(random: Random, content: bytes) -> bytes:
    if not content:
        return b"\0"
    at = random.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << random.randrange(8)]) + content[at + 1 :]


def _overwrite(random: Random, content: bytes) -> bytes:
    start, end = span(random, content)
    return content[:start] + random.randbytes(end - start) + content[end:]


def _insert(random: Random, content: bytes) -> bytes:
    at = place(random, content)
    what = random.choice(
        (random.choice(_BYTES), bytes([random.choice(_SIGNS)]), random.choice(VALUES).encode())
    )
    return content[:at] + what * random.choice((1, 1, 1, 2, 50)) + content[at:]


def _delete(random: Random, content: bytes) -> bytes:
    start, end = span(random, content)
    return content[:start] + content[end:]


def _truncate(random: Random, content: bytes) -> bytes:
    return content[: place(random, content)]


def _splice(random: Random, content: bytes) -> bytes:
    start, end = span(random, content)
    at = place(random, content)
    return content[:at] + content[start:end] + content[at:]


def _another_number(random: Random, content: bytes) -> bytes:
    """A length or an offset of a binary file becomes an extreme one."""
    at = place(random, content)
    width = random.choice((1, 2, 4, 8))
    value = random.choice((0, 1, -1, 2 ** (8 * width - 1) - 1, -(2 ** (8 * width - 1))))
    return content[:at] + value.to_bytes(width, "little", signed=True) + content[at + width :]


def _lines(random: Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    at, other = random.randrange(len(lines)), random.randrange(len(lines))
    match random.randrange(6):
        case 0:
            del lines[at]
        case 1:
            lines.insert(other, lines[at])
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines[at] = lines[at].rstrip(b"\r\n") + random.choice((b"\r\n", b"\r", b"", b"\n\n"))
        case 4:
            lines[at] = lines[at] * random.choice((2, 3, 300 if len(content) < 100_000 else 4))
        case 5:
            lines.insert(at, random.choice((b"\n", b"   \n", b",,,\n", b'"\n', b"# note\n")))
    return b"".join(lines)


def _value(random: Random, content: bytes) -> bytes:
    lines = content.split(b"\n")
    at = random.randrange(len(lines))
    cells = lines[at].split(b",")
    column = random.randrange(len(cells))
    value = random.choice(VALUES).encode()
    if random.random() < 0.3:
        value = b'"' + value.replace(b'"', b'""') + b'"'
    match random.randrange(8):
        case 0:
            del cells[column]
        case 1:
            cells.insert(column, value)
        case 2:
            cells = cells[:column] + cells[column:][::-1]
        case _:
            cells[column] = value
    lines[at] = b",".join(cells)
    return b"\n".join(lines)


def _column(random: Random, content: bytes) -> bytes:
    """The same value all the way down a column."""
    lines = [line.split(b",") for line in content.split(b"\n")]
    column = random.randrange(len(lines[0]) or 1)
    value = random.choice(VALUES).encode()
    for line in lines[1:]:
        if column < len(line) and line != [b""]:
            line[column] = value
    return b"\n".join(b",".join(line) for line in lines)


def _header(random: Random, content: bytes) -> bytes:
    head, end, body = content.partition(b"\n")
    names = head.split(b",")
    at = random.randrange(len(names))
    match random.randrange(7):
        case 0:
            names[at] = random.choice(names)
        case 1:
            names[at] = names[at].upper()
        case 2:
            names[at] = random.choice(VALUES).encode()
        case 3:
            random.shuffle(names)
        case 4:
            names[at] = b""
        case 5:
            names[at] += random.choice((b" ", b"\xc2\xa0", b'"', b"_", b"\0"))
        case 6:
            names += [b"c%d" % number for number in range(random.choice((1, 20, 300)))]
    return b",".join(names) + end + body


def _sign(random: Random, content: bytes) -> bytes:
    signs = (b",", b";", b"\t", b"|", b'"', b"\n", b"\r\n", b"\r", b".", b"-", b" ", b":")
    old, new = random.sample(signs, 2)
    return content.replace(old, new, random.choice((1, -1)))


def _quotes(random: Random, content: bytes) -> bytes:
    at = place(random, content)
    return (
        content[:at] + random.choice((b'"', b'""', b'"a"', b'"\n', b'\n"', b'\\"')) + content[at:]
    )


def _encoding(random: Random, content: bytes) -> bytes:
    text = content.decode(errors="replace") + random.choice(("", "é", "\U0001f600"))
    return text.encode(random.choice(ENCODINGS), errors="replace")


_STEPS = (_flip, _overwrite, _insert, _delete, _truncate, _splice, _another_number, _lines)
_TABLE_STEPS = (_value, _value, _value, _lines, _column, _header, _sign, _quotes, _encoding)


def move(random: Random, parts: list[str], at: int, how: int) -> None:
    """Take a part of a text out (0), put another one before it (1), or change the two over (2)."""
    if how == 0:
        del parts[at]
    elif how == 1:
        parts.insert(at, random.choice(parts))
    else:
        other = random.randrange(len(parts))
        parts[at], parts[other] = parts[other], parts[at]
