"""Runs named cases against PENSTOCK_URL and prints one line of JSON for each.

What the scripted upstream says is known (tests/src/upstream/render.rs), so cases compare exactly.
"""

import json
import os
import sys
import time
import traceback

URL = os.environ.get("PENSTOCK_URL", "http://127.0.0.1:8787").rstrip("/")
KEY = os.environ.get("PENSTOCK_KEY") or "no-key-needed"
AUTH_IS_ON = os.environ.get("PENSTOCK_AUTH", "") not in ("", "0", "false")
UNKNOWN_MODEL = os.environ.get("UNKNOWN_MODEL", "no-such-provider/no-such-model")
TIMEOUT_SECONDS = 20

# A proxy of the machine's must not stand between the client and what is tested
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"

TEXT = 'The scripted upstream says: naïve café, "quoted", back\\slash, 日本語 and 🎉 — done.'
THOUGHTS = "First weigh the question, then answer it — step by step."
SIGNATURE = "EqQBCkYIBxgCKkBzY3JpcHRlZC11cHN0cmVhbS1zaWduYXR1cmU+/w=="
ARGUMENTS = [
    {"city": "Zürich", "unit": "celsius"},
    {"city": "São Paulo", "days": 3.0, "tags": ["a", "b"]},
]
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}

_cases = []


class Skip(Exception):
    """The case does not apply to this run."""


def case(function):
    """Registers a function as a case under its own name."""
    _cases.append(function)
    return function


def equal(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what}: expected {expected!r}, got {actual!r}")


def true(condition, what):
    if not condition:
        raise AssertionError(what)


def raises(kind, call):
    """The exception of exactly that kind, which `call` must raise."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"expected {kind.__name__}, but nothing was raised")


def mistyped_key():
    if not AUTH_IS_ON:
        raise Skip("keys are not checked in this run")
    return KEY[:-1] + ("1" if KEY.endswith("0") else "0")


def eventually(call, accepted, seconds=15):
    """Repeats `call` while it raises `accepted`: a credential that was limited needs to cool."""
    end = time.monotonic() + seconds
    while True:
        try:
            return call()
        except accepted:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def run():
    """Runs all cases, or those named on the command line; exits non-zero if any fails."""
    failed = 0
    for function in _cases:
        name = function.__name__
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        line = {"case": name, "ok": True, "detail": ""}
        try:
            function()
        except Skip as reason:
            line |= {"skipped": True, "detail": str(reason)}
        except Exception as error:
            failed += 1
            place = traceback.extract_tb(error.__traceback__)
            here = [frame.lineno for frame in place if frame.name == name]
            line |= {"ok": False, "detail": f"line {here[-1:]}: {type(error).__name__}: {error}"}
        print(json.dumps(line, ensure_ascii=False), flush=True)
    sys.exit(1 if failed else 0)
