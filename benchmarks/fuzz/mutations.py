"""Damage to files: bytes and, in JSON, fields that are missing, of another type, huge or deep."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from random import Random
from typing import Any

ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    "",
    "x" * 300,
    "\x1b[2J\n\ud800",
    "../../x",
    0,
    -1,
    1.5,
    float("nan"),
    float("inf"),
    2**31,
    2**63,
    10**400,
    [],
    {},
    [[[[]]]],
    [0] * 50,
    {"size": [2**20, 2**20], "counts": [2**40]},
)
WORDS = (b"\0" * 8, b"\xff" * 8, b"<html>", b"version https://git-lfs", b"PK\x03\x04", b"\x1f\x8b")


def damaged(content: bytes, random: Random) -> bytes:
    """Return a file's bytes with one to four pieces of damage."""
    data = bytearray(content)
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(data) + 1)
        length = min(len(data) - place, random.choice((1, 1, 2, 8, 64, 1024)))
        kind = random.randrange(6)
        if kind == 0:
            data[place : place + length] = random.randbytes(length)
        elif kind == 1:
            del data[place : place + length]
        elif kind == 2:
            data[place:place] = data[place : place + length]
        elif kind == 3:
            data[place:place] = random.choice(WORDS)
        elif kind == 4:
            del data[place:]
        elif length:
            data[place] ^= 1 << random.randrange(8)
    return bytes(data)


def damaged_json(content: bytes, random: Random) -> bytes:
    """Return a JSON file with one to three of its fields missing or odd, or deep, or cut."""
    value = copy.deepcopy(json.loads(content))
    for _ in range(random.randint(1, 3)):
        places = list(_places(value))
        if places:
            holder, key = random.choice(places)
            if random.random() < 0.2:
                del holder[key]
            else:
                holder[key] = copy.deepcopy(random.choice(ODD_VALUES))
    text = json.dumps(value)
    if random.random() < 0.02:
        text = "[" * 100_000 + text
    data = text.encode("utf-8", errors="surrogatepass")
    return damaged(data, random) if random.random() < 0.1 else data


def every_odd_field(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield a JSON file with one field missing or odd, for each field and each odd value."""
    sound = json.loads(content)
    for number, (holder, key) in enumerate(_places(sound)):
        for value in (*ODD_VALUES, _MISSING, _DEEP):
            changed = copy.deepcopy(sound)
            holder, key = list(_places(changed))[number]
            if value is _MISSING:
                del holder[key]
            else:
                holder[key] = value
            text = json.dumps(changed).replace(f'"{_DEEP}"', "[" * 3000 + "]" * 3000)
            yield f"{key} = {value!r:.40}", text.encode("utf-8", errors="surrogatepass")


_MISSING, _DEEP = "no field", "deep lists"


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every list or object in a value with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])
