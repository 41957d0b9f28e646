"""The official OpenAI library against a gateway, or against the scripted upstream itself."""

import asyncio
import json
import os

import openai
from case_runner import (
    ARGUMENTS,
    KEY,
    PARAMETERS,
    PIXEL,
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

MODEL = os.environ.get("OPENAI_MODEL", "openai/scripted")
OPTIONS = {"base_url": f"{URL}/v1", "api_key": KEY, "max_retries": 0, "timeout": TIMEOUT_SECONDS}
client = openai.OpenAI(**OPTIONS)
HELLO = [{"role": "user", "content": "hello"}]
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": PARAMETERS}}
    for name in ("weather", "forecast")
]


def chat(directives="", messages=HELLO, **more):
    return client.chat.completions.create(model=MODEL + directives, messages=messages, **more)


def content(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


@case
def chat_json():
    answer = chat("@tokens=11:22:3:4")
    equal(answer.choices[0].message.content, TEXT, "content")
    equal(answer.choices[0].finish_reason, "stop", "finish reason")
    usage = answer.usage
    equal((usage.prompt_tokens, usage.completion_tokens, usage.total_tokens), (11, 22, 33), "usage")
    equal(usage.prompt_tokens_details.cached_tokens, 3, "cached tokens")
    equal(usage.completion_tokens_details.reasoning_tokens, 4, "reasoning tokens")
    equal(answer.model_extra["penstock_numbers"][3], 2**64, "a field the library does not know")


@case
def chat_stream_without_usage():
    chunks = list(chat("@tokens=11:22", stream=True))
    equal(content(chunks), TEXT, "content")
    true(all(chunk.usage is None for chunk in chunks), "usage came though it was not asked for")
    true(all(chunk.choices for chunk in chunks), "a chunk without choices came")
    equal(chunks[-1].choices[0].finish_reason, "stop", "finish reason")


@case
def chat_stream_with_usage():
    chunks = list(chat("@tokens=11:22", stream=True, stream_options={"include_usage": True}))
    equal(content(chunks), TEXT, "content")
    equal([bool(chunk.usage) for chunk in chunks], [False] * (len(chunks) - 1) + [True], "usage chunks")
    usage = chunks[-1].usage
    equal((usage.prompt_tokens, usage.completion_tokens), (11, 22), "usage")
    equal(chunks[-1].choices, [], "choices of the usage chunk")


@case
def chat_stream_in_odd_framing():
    for directives in ("@byte-splits", "@crlf:comments", "@byte-splits=1:crlf", "@chunks=200"):
        text = content(chat(directives, stream=True))
        true(text.startswith(TEXT), f"{directives}: {text!r}")


@case
def chat_stream_helper():
    with client.chat.completions.stream(model=MODEL, messages=HELLO) as stream:
        deltas = "".join(event.delta for event in stream if event.type == "content.delta")
        final = stream.get_final_completion()
    equal(deltas, TEXT, "deltas")
    equal(final.choices[0].message.content, TEXT, "final content")


@case
def chat_tools_json():
    first = chat(tools=TOOLS).choices[0]
    equal(first.finish_reason, "tool_calls", "finish reason")
    calls = first.message.tool_calls
    equal([call.function.name for call in calls], ["weather", "forecast"], "names")
    equal([json.loads(call.function.arguments) for call in calls], ARGUMENTS, "arguments")
    results = [{"role": "tool", "tool_call_id": call.id, "content": "fine"} for call in calls]
    history = [*HELLO, first.message.model_dump(exclude_none=True), *results]
    second = chat("@echo", messages=history, tools=TOOLS).choices[0]
    equal(second.message.content, "echo: hello; images: 0; tool results: 2", "after the results")


@case
def chat_tools_stream():
    calls = {}
    for chunk in chat(tools=TOOLS, stream=True):
        for piece in chunk.choices[0].delta.tool_calls or []:
            call = calls.setdefault(piece.index, {"id": piece.id, "name": "", "arguments": "", "pieces": 0})
            call["name"] += piece.function.name or ""
            call["arguments"] += piece.function.arguments or ""
            call["pieces"] += 1
    equal([calls[index]["name"] for index in (0, 1)], ["weather", "forecast"], "names")
    equal([json.loads(calls[index]["arguments"]) for index in (0, 1)], ARGUMENTS, "arguments")
    true(calls[0]["id"] != calls[1]["id"], "both calls have the same id")
    true(all(call["pieces"] > 2 for call in calls.values()), "the arguments did not come in pieces")


@case
def chat_image():
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "what is this?"}, image, image]}]
    said = chat("@echo", messages=messages).choices[0].message.content
    equal(said, "echo: what is this?; images: 2; tool results: 0", "content")


@case
def responses_json():
    answer = client.responses.create(model=MODEL + "@tokens=11:22:3:4", input="hello")
    equal(answer.output_text, TEXT, "text")
    equal((answer.status, answer.usage.input_tokens, answer.usage.output_tokens), ("completed", 11, 22), "end")
    equal(answer.usage.output_tokens_details.reasoning_tokens, 4, "reasoning tokens")
    image = {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{PIXEL}"}
    turn = {"role": "user", "content": [{"type": "input_text", "text": "see?"}, image]}
    said = client.responses.create(model=MODEL + "@echo", input=[turn]).output_text
    equal(said, "echo: see?; images: 1; tool results: 0", "echo")


@case
def responses_stream():
    events = list(client.responses.create(model=MODEL + "@tokens=11:22", input="hello", stream=True))
    equal([event.sequence_number for event in events], list(range(len(events))), "sequence numbers")
    equal(events[0].type, "response.created", "first event")
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    true(len(deltas) > 2, "the text did not come in pieces")
    equal("".join(deltas), TEXT, "text")
    last = events[-1]
    equal((last.type, last.response.output_text), ("response.completed", TEXT), "last event")
    equal((last.response.usage.input_tokens, last.response.usage.output_tokens), (11, 22), "usage")


@case
def responses_tools_and_reasoning():
    tools = [{"type": "function", "name": name, "parameters": PARAMETERS, "strict": False} for name in "ab"]
    request = {"model": MODEL, "input": "hello", "tools": tools, "reasoning": {"summary": "auto"}}
    whole = client.responses.create(**request)
    with client.responses.stream(**request) as stream:
        for _ in stream:
            pass
        streamed = stream.get_final_response()
    for answer in (whole, streamed):
        reasoning, *calls = answer.output
        equal(reasoning.summary[0].text, THOUGHTS, "reasoning")
        true(reasoning.encrypted_content, "no encrypted reasoning")
        equal([call.name for call in calls], ["a", "b"], "names")
        equal([json.loads(call.arguments) for call in calls], ARGUMENTS, "arguments")


@case
def embeddings():
    # Unless told otherwise the library asks for base64 and decodes it
    for more in ({}, {"encoding_format": "float"}):
        answer = client.embeddings.create(model=MODEL + "@tokens=9", input=["a", "b"], dimensions=3, **more)
        vectors = [item.embedding for item in answer.data]
        equal(vectors, [[0.5, 0.25, 0.125], [1.5, 0.25, 0.125]], f"vectors with {more}")
        equal(answer.usage.prompt_tokens, 9, "usage")


@case
def models_list():
    models = client.models.list().data
    true(models and all(model.id for model in models), "no models are listed")


@case
def concurrent_answers_are_not_mixed_up():
    async def one(aio, tag):
        stream = await aio.chat.completions.create(
            model=f"{MODEL}@delay-ms=3:tag=t{tag}", messages=HELLO, stream=True
        )
        return content([chunk async for chunk in stream])

    async def everything():
        async with openai.AsyncOpenAI(**OPTIONS) as aio:
            return await asyncio.gather(*(one(aio, tag) for tag in range(30)))

    equal(asyncio.run(everything()), [f"{TEXT} [t{tag}]" for tag in range(30)], "texts")


@case
def abandoned_stream():
    stream = chat("@stall-after=3", stream=True)
    taken = [next(iter(stream)) for _ in range(3)]
    stream.close()
    true(TEXT.startswith(content(taken)), "the first chunks")
    equal(chat().choices[0].message.content, TEXT, "the next answer")


@case
def error_in_mid_stream():
    chunks = []

    def read():
        for chunk in chat("@mid-error=4", stream=True):
            chunks.append(chunk)

    error = raises(openai.APIError, read)
    true("server had an error" in str(error), f"message: {error}")
    true(TEXT.startswith(content(chunks)) and content(chunks), "what came before the error")


@case
def unknown_model():
    request = {"model": UNKNOWN_MODEL, "messages": HELLO}
    error = raises(openai.NotFoundError, lambda: client.chat.completions.create(**request))
    true(error.body and error.body.get("message"), f"no message: {error.body}")


@case
def bad_request_from_upstream():
    error = raises(openai.BadRequestError, lambda: chat("@status=400"))
    equal(error.body["message"], "The script asked for this status.", "message")
    equal(error.body["type"], "invalid_request_error", "type")


@case
def mistyped_key_is_refused():
    wrong = client.with_options(api_key=mistyped_key())
    request = {"model": MODEL, "messages": HELLO}
    error = raises(openai.AuthenticationError, lambda: wrong.chat.completions.create(**request))
    true(error.body and error.body.get("message"), f"no message: {error.body}")


@case
def rate_limit_and_recovery():
    """Last, since a gateway may rest the credential afterwards."""
    error = raises(openai.RateLimitError, lambda: chat("@status=429:retry-after=1"))
    true(error.body and error.body.get("message"), f"no message: {error.body}")
    answer = eventually(chat, openai.APIStatusError)
    equal(answer.choices[0].message.content, TEXT, "content after the limit")


run()
