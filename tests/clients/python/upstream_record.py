"""What the scripted upstream received, from its ledger: a conversation in the same words whatever the
dialect it was sent in."""

import json
import os
import urllib.request
from dataclasses import dataclass, field

from answers import exact

UPSTREAM = os.environ["PENSTOCK_UPSTREAM"]
# A proxy of the machine's must not stand between the cases and the upstream either
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class Turn:
    """One side's turn; tool results are a side of their own."""

    role: str
    text: str = ""
    thoughts: list[tuple[str, str | None]] = field(default_factory=list)
    redacted: list[str] = field(default_factory=list)
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    results: list[tuple[str, str]] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    files: list[tuple[str | None, str]] = field(default_factory=list)


@dataclass
class Received:
    """A request: its body as text and as JSON, and the conversation in it."""

    text: str
    body: dict
    system: str | None
    turns: list[Turn]


def received(tag):
    """The only request with that tag."""
    with _opener.open(f"{UPSTREAM}/_ledger?tag={tag}") as answer:
        entries = [json.loads(line) for line in answer.read().decode().splitlines()]
    if len(entries) != 1:
        raise AssertionError(f"expected one request with the tag {tag}, found {len(entries)}")
    [entry] = entries
    body = json.loads(entry["body"])
    anthropic = entry["path"].split("?")[0].endswith("/messages")
    system, turns = of_anthropic(body) if anthropic else of_openai(body)
    return Received(entry["body"], body, system, turns)


def of_anthropic(body):
    turns = []
    for message in body["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        turn = Turn(message["role"])
        for block in blocks:
            kind = block["type"]
            if kind == "text":
                turn.text += block["text"]
            elif kind == "thinking":
                turn.thoughts.append((block["thinking"], block.get("signature")))
            elif kind == "redacted_thinking":
                turn.redacted.append(block["data"])
            elif kind == "tool_use":
                turn.calls.append((block["id"], block["name"], exact(block["input"])))
            elif kind == "tool_result":
                turn.results.append((block["tool_use_id"], block["content"]))
            elif kind == "image":
                turn.images.append(url_of(block["source"]))
            elif kind == "document":
                turn.files.append((block.get("title"), url_of(block["source"])))
            else:
                raise AssertionError(f"a block of type {kind}")
        if turn.results:
            turn.role = "tools"
        turns.append(turn)
    return body.get("system"), turns


def url_of(source):
    return source["url"] if source["type"] == "url" else f"data:{source['media_type']};base64,{source['data']}"


def of_openai(body):
    system, turns = None, []
    for message in body["messages"]:
        role, content = message["role"], message.get("content")
        if role == "system":
            system = content
            continue
        if role == "tool":
            if not turns or turns[-1].role != "tools":
                turns.append(Turn("tools"))
            turns[-1].results.append((message["tool_call_id"], content))
            continue
        turn = Turn(role)
        turns.append(turn)
        for part in [{"type": "text", "text": content or ""}] if not isinstance(content, list) else content:
            if part["type"] == "text":
                turn.text += part["text"]
            elif part["type"] == "image_url":
                turn.images.append(part["image_url"]["url"])
            elif part["type"] == "file":
                turn.files.append((part["file"].get("filename"), part["file"]["file_data"]))
            else:
                raise AssertionError(f"a part of type {part['type']}")
        if message.get("reasoning_content"):
            turn.thoughts.append((message["reasoning_content"], None))
        for call in message.get("tool_calls") or []:
            function = call["function"]
            turn.calls.append((call["id"], function["name"], exact(json.loads(function["arguments"]))))
    return system, turns
