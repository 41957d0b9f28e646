"""The official Anthropic library against a gateway, or against the scripted upstream itself."""

import json
import os

import anthropic
from case_runner import (
    ARGUMENTS,
    KEY,
    PARAMETERS,
    PIXEL,
    SIGNATURE,
    TEXT,
    THOUGHTS,
    TIMEOUT_SECONDS,
    UNKNOWN_MODEL,
    URL,
    case,
    equal,
    eventually,
    mistyped_key,
    raises,
    run,
    true,
)

MODEL = os.environ.get("ANTHROPIC_MODEL", "anthropic/scripted")
client = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0, timeout=TIMEOUT_SECONDS)
HELLO = [{"role": "user", "content": "hello"}]
TOOLS = [{"name": name, "input_schema": PARAMETERS} for name in ("weather", "forecast")]
THINKING = {"type": "enabled", "budget_tokens": 1024}


def request(directives="", messages=HELLO, **more):
    return {"model": MODEL + directives, "max_tokens": 2048, "messages": messages, **more}


def create(directives="", **more):
    return client.messages.create(**request(directives, **more))


def final(directives="", **more):
    with client.messages.stream(**request(directives, **more)) as stream:
        return stream.get_final_message()


@case
def messages_json():
    message = create("@tokens=11:22:3:cache-write=5:7")
    equal([block.text for block in message.content], [TEXT], "content")
    equal(message.stop_reason, "end_turn", "stop reason")
    usage = message.usage
    equal((usage.input_tokens, usage.output_tokens, usage.cache_read_input_tokens), (11, 22, 3), "usage")
    equal(usage.cache_creation_input_tokens, 12, "cache creation")
    equal(usage.cache_creation.ephemeral_1h_input_tokens, 7, "one-hour cache creation")


@case
def messages_stream_helper():
    with client.messages.stream(**request("@tokens=11:22")) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    equal((text, message.content[0].text), (TEXT, TEXT), "text")
    equal((message.usage.input_tokens, message.usage.output_tokens), (11, 22), "usage")
    equal(message.stop_reason, "end_turn", "stop reason")


@case
def messages_stream_raw():
    for directives in ("@tokens=11:22", "@tokens=11:22:byte-splits", "@tokens=11:22:crlf:comments"):
        events = list(create(directives, stream=True))
        kinds = [event.type for event in events]
        equal((kinds[0], kinds[-2:]), ("message_start", ["message_delta", "message_stop"]), directives)
        equal(events[0].message.usage.input_tokens, 11, "input tokens")
        equal(events[-2].usage.output_tokens, 22, "output tokens")
        deltas = [event.delta.text for event in events if event.type == "content_block_delta"]
        true(len(deltas) > 2, "the text did not come in pieces")
        equal("".join(deltas), TEXT, directives)


@case
def tools_json_and_stream():
    for message in (create(tools=TOOLS), final(tools=TOOLS)):
        equal(message.stop_reason, "tool_use", "stop reason")
        equal([block.name for block in message.content], ["weather", "forecast"], "names")
        equal([block.input for block in message.content], ARGUMENTS, "arguments")
    calls = message.content
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "fine"} for call in calls]
    answer = {"role": "assistant", "content": [call.model_dump(exclude_none=True) for call in calls]}
    history = [*HELLO, answer, {"role": "user", "content": [*results, {"type": "text", "text": "and?"}]}]
    after = create("@echo", messages=history, tools=TOOLS)
    equal(after.content[0].text, "echo: and?; images: 0; tool results: 2", "after the results")


@case
def tool_arguments_come_in_pieces():
    pieces = {}
    for event in create(tools=TOOLS, stream=True):
        if event.type == "content_block_delta":
            pieces.setdefault(event.index, []).append(event.delta.partial_json)
    true(all(len(found) > 2 for found in pieces.values()), "the arguments did not come in pieces")
    equal([json.loads("".join(found)) for found in pieces.values()], ARGUMENTS, "arguments")


@case
def thinking_keeps_its_signature():
    for message in (create(thinking=THINKING), final(thinking=THINKING), final("@byte-splits", thinking=THINKING)):
        thought, said = message.content
        equal((thought.type, thought.thinking), ("thinking", THOUGHTS), "thinking")
        equal(thought.signature, SIGNATURE, "signature")
        equal(said.text, TEXT, "text")
    turn = {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in message.content]}
    history = [*HELLO, turn, {"role": "user", "content": "go on"}]
    after = create("@echo", messages=history, thinking=THINKING)
    equal(after.content[-1].text, "echo: go on; images: 0; tool results: 0", "the next turn")


@case
def image():
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "what is this?"}]
    message = create("@echo", messages=[{"role": "user", "content": content}])
    equal(message.content[0].text, "echo: what is this?; images: 1; tool results: 0", "content")


@case
def count_tokens():
    counted = client.messages.count_tokens(model=MODEL + "@tokens=11:22", messages=HELLO)
    equal(counted.input_tokens, 11, "input tokens")


@case
def models_list():
    models = client.models.list(limit=20).data
    true(models and all(model.id for model in models), "no models are listed")


@case
def abandoned_stream():
    stream = create("@stall-after=5", stream=True)
    taken = [next(iter(stream)).type for _ in range(2)]
    stream.close()
    equal(taken[0], "message_start", "the first event")
    equal(create().content[0].text, TEXT, "the next answer")


@case
def error_in_mid_stream():
    error = raises(anthropic.APIError, lambda: list(create("@mid-error=5", stream=True)))
    true("Overloaded" in str(error), f"message: {error}")


@case
def unknown_model():
    wanted = {**request(), "model": UNKNOWN_MODEL}
    error = raises(anthropic.NotFoundError, lambda: client.messages.create(**wanted))
    equal((error.body["type"], error.body["error"]["type"]), ("error", "not_found_error"), "error shape")
    true(error.body["error"]["message"], "no message")


@case
def bad_request_from_upstream():
    error = raises(anthropic.BadRequestError, lambda: create("@status=400"))
    equal(error.body["error"]["type"], "invalid_request_error", "type")
    equal(error.body["error"]["message"], "The script asked for this status.", "message")


@case
def mistyped_key_is_refused():
    wrong = client.with_options(api_key=mistyped_key())
    error = raises(anthropic.AuthenticationError, lambda: wrong.messages.create(**request()))
    equal(error.body["error"]["type"], "authentication_error", "type")


@case
def rate_limit_and_recovery():
    """Last, since a gateway may rest the credential afterwards."""
    error = raises(anthropic.RateLimitError, lambda: create("@status=429:retry-after=1"))
    equal(error.body["error"]["type"], "rate_limit_error", "type")
    message = eventually(create, anthropic.APIStatusError)
    equal(message.content[0].text, TEXT, "content after the limit")


run()
