"""The official Anthropic library, as the cases of a translation use any library."""

import anthropic
from answers import Answer, Call, Tokens
from case_runner import KEY, PARAMETERS, TIMEOUT_SECONDS, URL, equal, true

NAME = "anthropic"
client = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0, timeout=TIMEOUT_SECONDS)

TOOLS = [{"name": name, "input_schema": PARAMETERS} for name in ("weather", "forecast")]
STOPS = {
    "end_turn": "end",
    "max_tokens": "length",
    "tool_use": "tools",
    "stop_sequence": "stop sequence",
    "refusal": "refusal",
}
STATUS_ERRORS = {
    400: anthropic.BadRequestError,
    404: anthropic.NotFoundError,
    429: anthropic.RateLimitError,
    502: anthropic.InternalServerError,
    529: anthropic._exceptions.OverloadedError,
}
STREAM_ERROR = anthropic.APIError
# What the gateway calls them
KINDS = {
    400: "invalid_request_error",
    404: "not_found_error",
    429: "rate_limit_error",
    502: "api_error",
    529: "overloaded_error",
}
SETTINGS = {
    # the library has no parameters for these any more, the API still has
    "extra_body": {"temperature": 0.5, "top_p": 0.25},
    "stop_sequences": ["END", "FIN"],
    "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
    "metadata": {"user_id": "ada"},
}


def request(model, conversation, *, tools=False, think=False, limit=2048, schema=None, **more):
    if tools:
        more["tools"] = TOOLS
    if think:
        more["thinking"] = {"type": "enabled", "budget_tokens": 1024}
    if schema:
        more["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    # the library has no request without a limit
    return {"model": model, "max_tokens": limit or 2048, "messages": conversation, **more}


def ask(model, conversation, *, stream=False, **more):
    if stream:
        return streamed(request(model, conversation, **more))
    return answer(client.messages.create(**request(model, conversation, **more)))


def streamed(wanted):
    """Through the library's helper, which hands out each event and puts the message together."""
    events = []
    with client.messages.stream(**wanted) as stream:
        for event in stream:
            events.append(event)
        final = stream.get_final_message()
    check(events)
    return answer(final, pieces_of(events))


def check(events):
    """The order that clients of this dialect rely on: one block after the other."""
    # beside the events of the wire the helper has some of its own
    own = ("text", "input_json", "citation", "thinking", "signature")
    kinds = [event.type for event in events if event.type not in own]
    equal((kinds[0], kinds[-2:]), ("message_start", ["message_delta", "message_stop"]), "events")
    places = []
    open_block = None
    for event in events:
        if event.type == "content_block_start":
            equal((open_block, event.index), (None, len(places)), "a block begins")
            places.append(event.index)
            open_block = event.index
        elif event.type == "content_block_delta":
            equal(event.index, open_block, "the block of a delta")
        elif event.type == "content_block_stop":
            equal(event.index, open_block, "a block ends")
            open_block = None
    equal(open_block, None, "the last block")


def pieces_of(events):
    pieces, calls = {}, {}
    for event in events:
        if event.type == "content_block_start" and event.content_block.type == "tool_use":
            equal(event.content_block.input, {}, "the input at the start")
            calls[event.index] = f"call {len(calls)}"
        if event.type == "content_block_delta":
            delta = event.delta
            kind, text = {
                "text_delta": ("text", getattr(delta, "text", None)),
                "thinking_delta": ("thoughts", getattr(delta, "thinking", None)),
                "input_json_delta": (calls.get(event.index), getattr(delta, "partial_json", None)),
                "signature_delta": ("signature", getattr(delta, "signature", None)),
            }[delta.type]
            pieces[kind] = pieces.get(kind, 0) + bool(text)
    return pieces


def answer(message, pieces=None):
    equal((message.type, message.role), ("message", "assistant"), "the message")
    true(message.id and message.model, "the message has no id or no model")
    blocks = message.content
    thoughts = [block for block in blocks if block.type == "thinking"]
    redacted = [block.data for block in blocks if block.type == "redacted_thinking"]
    calls = [Call(block.id, block.name, block.input, None) for block in blocks if block.type == "tool_use"]
    usage = message.usage
    read, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    return Answer(
        text="".join(block.text for block in blocks if block.type == "text"),
        thoughts="".join(block.thinking for block in thoughts),
        calls=calls,
        stop=STOPS[message.stop_reason],
        tokens=Tokens(usage.input_tokens + read + written, read, usage.output_tokens),
        message={"role": "assistant", "content": blocks},
        sealed=[*(block.signature for block in thoughts), *redacted],
        pieces=pieces or {},
    )


def says(text, images=()):
    if not images:
        return {"role": "user", "content": text}
    sources = [
        {"type": "url", "url": image}
        if isinstance(image, str)
        else {"type": "base64", "media_type": image[0], "data": image[1]}
        for image in images
    ]
    blocks = [{"type": "image", "source": source} for source in sources]
    return {"role": "user", "content": [{"type": "text", "text": text}, *blocks]}


def reads(text, title, data):
    """A question about a PDF."""
    source = {"type": "base64", "media_type": "application/pdf", "data": data}
    document = {"type": "document", "source": source, "title": title}
    return {"role": "user", "content": [{"type": "text", "text": text}, document]}


def instructed(text, conversation):
    """A conversation under a system prompt, and what else the request needs for it."""
    return conversation, {"system": text}


def dumped(message):
    return {**message, "content": [block.model_dump() for block in message["content"]]}


def results(answered, texts):
    pairs = zip(answered.calls, texts, strict=True)
    blocks = [{"type": "tool_result", "tool_use_id": call.id, "content": text} for call, text in pairs]
    return [{"role": "user", "content": blocks}]


def calls_of_a_stream(model, conversation):
    return ask(model, conversation, stream=True, tools=True).calls


def open_stream(model, conversation, **more):
    return client.messages.create(**request(model, conversation, **more), stream=True)


def text_of(event):
    return getattr(event.delta, "text", "") if event.type == "content_block_delta" else ""


def problem(error):
    """Type and message of an error in this dialect's shape."""
    equal(error.body["type"], "error", "the type of the body")
    return error.body["error"]["type"], error.body["error"]["message"]
