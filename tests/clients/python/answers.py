"""What a model said, whichever library it was said to: what the cases of a translation compare."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Call:
    """A call of a tool; `text` is the JSON of its arguments where the library shows it as it came."""

    id: str
    name: str
    arguments: Any
    text: str | None


@dataclass
class Tokens:
    """`prompt` is all that was read, whether from a cache or not."""

    prompt: int
    cached: int
    output: int


@dataclass
class Answer:
    """`stop` is `end`, `length`, `tools`, `stop sequence` or `refusal`; `message` is for the conversation,
    as the library returned it; `pieces` counts what a stream came in, by what it adds to."""

    text: str
    thoughts: str
    calls: list[Call]
    stop: str
    tokens: Tokens | None
    message: Any
    sealed: list[str] = field(default_factory=list)
    refusal: str | None = None
    pieces: dict[str, int] = field(default_factory=dict)


def exact(value):
    """As JSON, in which 3.0 is not 3."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
