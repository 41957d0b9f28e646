"""The official OpenAI library, as the cases of a translation use any library."""

import json

import openai
from answers import Answer, Call, Tokens
from case_runner import KEY, PARAMETERS, TIMEOUT_SECONDS, URL, equal, true

NAME = "openai"
client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=TIMEOUT_SECONDS)

# Its stream helper takes no tools but strict ones
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": PARAMETERS, "strict": True}}
    for name in ("weather", "forecast")
]
STOPS = {"stop": "end", "length": "length", "tool_calls": "tools", "content_filter": "refusal"}
STATUS_ERRORS = {
    400: openai.BadRequestError,
    404: openai.NotFoundError,
    429: openai.RateLimitError,
    502: openai.InternalServerError,
    529: openai.InternalServerError,
}
STREAM_ERROR = openai.APIError
# What the gateway calls them
KINDS = {
    400: "invalid_request_error",
    404: "invalid_request_error",
    429: "rate_limit_error",
    502: "server_error",
    529: "server_error",
}
SETTINGS = {
    "temperature": 0.5,
    "top_p": 0.25,
    "stop": ["END", "FIN"],
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "user": "ada",
}


def request(model, conversation, *, tools=False, think=False, limit=2048, schema=None, **more):
    if tools:
        more["tools"] = TOOLS
    if think:
        more["reasoning_effort"] = "high"
    if limit is not None:
        more["max_completion_tokens"] = limit
    if schema:
        described = {"name": "reply", "schema": schema, "strict": True}
        more["response_format"] = {"type": "json_schema", "json_schema": described}
    return {"model": model, "messages": conversation, **more}


def ask(model, conversation, *, stream=False, **more):
    if stream:
        return streamed(request(model, conversation, **more))
    completion = client.chat.completions.create(**request(model, conversation, **more))
    equal((completion.object, len(completion.choices)), ("chat.completion", 1), "the completion")
    return answer(completion)


def streamed(wanted):
    """Through the library's helper, which hands out each chunk and puts the message together."""
    options = {"include_usage": True}
    with client.chat.completions.stream(**wanted, stream_options=options) as stream:
        chunks = [event.chunk for event in stream if event.type == "chunk"]
        try:
            final = stream.get_final_completion()
        except (openai.LengthFinishReasonError, openai.ContentFilterFinishReasonError) as cut_short:
            # the helper warns in this way, and hands out what there is
            final = cut_short.completion
    check(chunks, usage=True)
    return answer(final, pieces_of(chunks))


def check(chunks, usage):
    """The order that clients of this dialect rely on; usage comes once and last, or not at all."""
    equal({chunk.object for chunk in chunks}, {"chat.completion.chunk"}, "kinds of chunks")
    equal(len({(chunk.id, chunk.model) for chunk in chunks}), 1, "ids and models of the chunks")
    reported = [chunk for chunk in chunks if chunk.usage]
    equal(len(reported), int(usage), "chunks with usage")
    if usage:
        equal((reported[0], reported[0].choices), (chunks[-1], []), "the usage chunk")
    said = chunks[:-1] if usage else chunks
    true(all(len(chunk.choices) == 1 for chunk in said), "a chunk without a choice came")
    equal(said[0].choices[0].delta.role, "assistant", "the first role")
    finished = [bool(chunk.choices[0].finish_reason) for chunk in said]
    equal(finished, [False] * (len(said) - 1) + [True], "finish reasons")


def pieces_of(chunks):
    pieces = {}
    for chunk in chunks:
        for choice in chunk.choices:
            delta = choice.delta
            found = {
                "text": delta.content,
                "refusal": delta.refusal,
                "thoughts": getattr(delta, "reasoning_content", None),
            }
            for call in delta.tool_calls or []:
                found[f"call {call.index}"] = call.function.arguments
            for kind, text in found.items():
                pieces[kind] = pieces.get(kind, 0) + bool(text)
    return pieces


def answer(completion, pieces=None):
    [choice] = completion.choices
    message = choice.message
    equal(message.role, "assistant", "role")
    more = message.model_extra or {}
    usage = completion.usage
    calls = [
        Call(call.id, call.function.name, json.loads(call.function.arguments), call.function.arguments)
        for call in message.tool_calls or []
    ]
    details = more.get("reasoning_details") or []
    return Answer(
        text=message.content or "",
        thoughts=more.get("reasoning_content") or "",
        calls=calls,
        stop=STOPS[choice.finish_reason],
        tokens=usage and tokens(usage),
        message=message,
        sealed=[detail.get("signature") or detail["data"] for detail in details],
        refusal=message.refusal,
        pieces=pieces or {},
    )


def tokens(usage):
    equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens, "total tokens")
    details = usage.prompt_tokens_details
    cached = details and details.cached_tokens
    return Tokens(usage.prompt_tokens, cached or 0, usage.completion_tokens)


def says(text, images=()):
    if not images:
        return {"role": "user", "content": text}
    urls = [image if isinstance(image, str) else "data:{};base64,{}".format(*image) for image in images]
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return {"role": "user", "content": [{"type": "text", "text": text}, *parts]}


def reads(text, title, data):
    """A question about a PDF."""
    file = {"filename": title, "file_data": f"data:application/pdf;base64,{data}"}
    return {"role": "user", "content": [{"type": "text", "text": text}, {"type": "file", "file": file}]}


def instructed(text, conversation):
    """A conversation under a system prompt, and what else the request needs for it."""
    return [{"role": "system", "content": text}, *conversation], {}


def dumped(message):
    return message.model_dump()


def results(answered, texts):
    pairs = zip(answered.calls, texts, strict=True)
    return [{"role": "tool", "tool_call_id": call.id, "content": text} for call, text in pairs]


def calls_of_a_stream(model, conversation):
    """Without the helper, which cannot tell calls apart whose arguments come side by side."""
    calls = {}
    for chunk in open_stream(model, conversation, tools=True):
        for piece in (chunk.choices[0].delta.tool_calls or []) if chunk.choices else []:
            call = calls.setdefault(piece.index, Call("", "", None, ""))
            call.id = call.id or piece.id
            call.name += piece.function.name or ""
            call.text += piece.function.arguments or ""
    for call in calls.values():
        call.arguments = json.loads(call.text)
    return [calls[index] for index in sorted(calls)]


def open_stream(model, conversation, **more):
    return client.chat.completions.create(**request(model, conversation, **more), stream=True)


def text_of(event):
    return "".join(choice.delta.content or "" for choice in event.choices)


def problem(error):
    """Type and message of an error in this dialect's shape; `body` is what stands in its `error`."""
    return error.body["type"], error.body["message"]
