"""Either official library against a model of either dialect: the same cases for all four directions.

PENSTOCK_CLIENT names the library (`openai`, `anthropic`), PENSTOCK_MODEL_PREFIX the model up to its
directives (`anthropic/scripted`), PENSTOCK_OTHER_PREFIX one whose provider speaks the other dialect, and
PENSTOCK_UPSTREAM the scripted upstream behind both, whose ledger says what reached a provider.
"""

import importlib
import itertools
import os
from concurrent.futures import ThreadPoolExecutor

from answers import exact
from case_runner import (
    ARGUMENTS,
    PIXEL,
    SIGNATURE,
    TEXT,
    THOUGHTS,
    UNKNOWN_MODEL,
    case,
    equal,
    eventually,
    raises,
    run,
    true,
)
from upstream_record import received

client = importlib.import_module(os.environ["PENSTOCK_CLIENT"] + "_adapter")
MODEL = os.environ["PENSTOCK_MODEL_PREFIX"]
OTHER = os.environ["PENSTOCK_OTHER_PREFIX"]
PROVIDER = MODEL.split("/")[0]
NATIVE = client.NAME == PROVIDER

HELLO = [client.says("hello")]
# As the scripted upstream spells them
CALL_TEXTS = [
    '{"city":"Zürich","unit":"celsius"}',
    '{"city": "São Paulo", "days": 3.0, "tags": ["a", "b"]}',
]
REDACTED = "EmwKAhgBEgyScriptedRedacted+/w=="
PNG = ("image/png", PIXEL)
PICTURE = "https://pictures.example/a%20cat.png?size=1&of=2"
PDF = "JVBERi0xLjQKJcOkw7zDtsOfCg=="
SCHEMA = {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]}
# By what a provider says its answer ended with
FINISHES = {
    "openai": {"length": "length", "refusal": "content_filter"},
    "anthropic": {"length": "max_tokens", "refusal": "refusal"},
}[PROVIDER]

_numbers = itertools.count()


def tag(what):
    """A tag of its own for each request whose record is looked at."""
    return f"{what}-{next(_numbers)}"


def ask(directives="", conversation=HELLO, **more):
    return client.ask(MODEL + directives, conversation, **more)


def both(directives="", conversation=HELLO, **more):
    """The whole answer and the streamed one."""
    return [ask(directives, conversation, stream=stream, **more) for stream in (False, True)]


def own_thoughts():
    """What the provider has to get back of its own reasoning."""
    return [(THOUGHTS, SIGNATURE if PROVIDER == "anthropic" else None)]


def check_called(answer):
    equal(answer.stop, "tools", "stop reason")
    check_calls(answer.calls)


def check_calls(calls):
    equal([call.name for call in calls], ["weather", "forecast"], "names")
    equal(exact([call.arguments for call in calls]), exact(ARGUMENTS), "arguments")
    texts = [call.text for call in calls]
    true(texts in (CALL_TEXTS, [None, None]), f"the text of the arguments: {texts}")
    true(all(call.id for call in calls), "a call has no id")
    true(calls[0].id != calls[1].id, "both calls have the same id")


@case
def text():
    whole, streamed = both("@tokens=11:22")
    for answer in (whole, streamed):
        equal((answer.text, answer.stop, answer.calls), (TEXT, "end", []), "the answer")
        equal((answer.thoughts, answer.sealed), ("", []), "thoughts that nobody had")
    true(streamed.pieces["text"] > 2, f"the text did not come in pieces: {streamed.pieces}")


@case
def text_in_odd_framing():
    for framing in ("@byte-splits", "@crlf:comments", "@byte-splits=1:crlf", "@chunks=200"):
        answer = ask(framing, stream=True)
        true(answer.text.startswith(TEXT), f"{framing}: {answer.text!r}")
        equal(answer.stop, "end", framing)


@case
def tools_and_thoughts_in_odd_framing():
    for framing in ("@reasoning:byte-splits=3", "@reasoning:crlf:comments"):
        answer = ask(framing, stream=True, tools=True, think=True)
        check_called(answer)
        equal(answer.thoughts, THOUGHTS, framing)


@case
def instructions():
    name = tag("instructions")
    conversation, more = client.instructed("be brief", HELLO)
    equal(ask(f"@echo:tag={name}", conversation, **more).text, "echo: hello; images: 0; tool results: 0", "text")
    equal(received(name).system, "be brief", "the system prompt")


@case
def settings():
    name = tag("settings")
    ask(f"@tag={name}", tools=True, schema=SCHEMA, **client.SETTINGS)
    body = received(name).body
    names = {
        "openai": ["max_completion_tokens", "stop", "tool_choice", "parallel_tool_calls", "user"],
        "anthropic": ["max_tokens", "stop_sequences", "tool_choice", "metadata"],
    }[PROVIDER]
    choice = {"type": "any", "disable_parallel_tool_use": True}
    expected = {
        "openai": [2048, ["END", "FIN"], "required", False, "ada"],
        "anthropic": [2048, ["END", "FIN"], choice, {"user_id": "ada"}],
    }[PROVIDER]
    equal([body.get(name) for name in names], expected, "settings")
    equal((body["temperature"], body["top_p"]), (0.5, 0.25), "sampling")
    if PROVIDER == "openai":
        format = body["response_format"]
        equal((format["type"], format["json_schema"]["schema"]), ("json_schema", SCHEMA), "the format")
        tool = body["tools"][1]["function"]
        equal((tool["name"], tool["parameters"]["required"]), ("forecast", ["city"]), "a tool")
    else:
        equal(body["output_config"]["format"], {"type": "json_schema", "schema": SCHEMA}, "the format")
        tool = body["tools"][1]
        equal((tool["name"], tool["input_schema"]["required"]), ("forecast", ["city"]), "a tool")


@case
def tools():
    whole, streamed = both("@tokens=11:22", tools=True)
    for answer in (whole, streamed):
        check_called(answer)
        equal(answer.text, "", "text beside the calls")
    arguments = [streamed.pieces[f"call {index}"] for index in (0, 1)]
    true(min(arguments) > 2, f"the arguments did not come in pieces: {streamed.pieces}")


@case
def tools_side_by_side():
    """Some providers stream both calls at once; clients of Anthropic's dialect get one after the other."""
    check_calls(client.calls_of_a_stream(MODEL + "@interleaved", HELLO))


@case
def tool_results():
    check_results(stream=False)


@case
def tool_results_after_a_stream():
    check_results(stream=True)


def check_results(stream):
    answer = ask(tools=True, stream=stream)
    for message in (answer.message, client.dumped(answer.message)):
        name = tag("results")
        conversation = [*HELLO, message, *client.results(answer, ["rain", "sun"])]
        after = ask(f"@echo:tag={name}", conversation, tools=True)
        # in Anthropic's dialect the results are the user's last turn, and have no text
        last = "hello" if PROVIDER == "openai" else ""
        equal(after.text, f"echo: {last}; images: 0; tool results: 2", "after the results")
        turns = received(name).turns
        equal([turn.role for turn in turns], ["user", "assistant", "tools"], "turns")
        calls = [(call.id, call.name, exact(call.arguments)) for call in answer.calls]
        equal(turns[1].calls, calls, "calls")
        equal(turns[2].results, [(answer.calls[0].id, "rain"), (answer.calls[1].id, "sun")], "results")


@case
def thoughts():
    whole, streamed = both("@reasoning", think=True)
    for answer in (whole, streamed):
        equal((answer.thoughts, answer.text, answer.stop), (THOUGHTS, TEXT, "end"), "the answer")
        # a provider without signatures has none to seal, where no other dialect needs one
        sealed = not (NATIVE and PROVIDER == "openai")
        equal(len(answer.sealed), int(sealed), "signatures")
        true(all(isinstance(seal, str) for seal in answer.sealed), "a signature is no text")
    true(streamed.pieces["thoughts"] > 2, f"the thoughts did not come in pieces: {streamed.pieces}")


@case
def thoughts_go_back_to_who_thought_them():
    for answer in both("@reasoning", think=True):
        for message in (answer.message, client.dumped(answer.message)):
            own, other = tag("own"), tag("other")
            conversation = [*HELLO, message, client.says("go on")]
            ask(f"@tag={own}", conversation, think=True)
            said = received(own)
            equal([turn.role for turn in said.turns], ["user", "assistant", "user"], "turns")
            equal((said.turns[1].thoughts, said.turns[1].text), (own_thoughts(), TEXT), "its own thoughts")
            client.ask(f"{OTHER}@tag={other}", conversation, think=True)
            said = received(other)
            equal((said.turns[1].thoughts, said.turns[1].text), ([], TEXT), "another's thoughts")
            check_unseen(said)


def check_unseen(said):
    """Nothing of another provider's reasoning is anywhere in the request."""
    for secret in ("penstock:", SIGNATURE, REDACTED, "First weigh"):
        true(secret not in said.text, f"{secret!r} reached the other provider")


@case
def redacted_thoughts():
    check_redacted(stream=False)


@case
def redacted_thoughts_of_a_stream():
    check_redacted(stream=True)


def check_redacted(stream):
    """What nobody can read comes back as well; only Anthropic's dialect has it."""
    answer = ask("@reasoning:redacted", think=True, stream=stream)
    own, other = tag("redacted"), tag("redacted-other")
    conversation = [*HELLO, answer.message, client.says("go on")]
    ask(f"@tag={own}", conversation, think=True)
    said = received(own)
    equal(said.turns[1].thoughts, own_thoughts(), "thoughts")
    equal(said.turns[1].redacted, [REDACTED] if PROVIDER == "anthropic" else [], "redacted thoughts")
    client.ask(f"{OTHER}@tag={other}", conversation)
    check_unseen(received(other))


@case
def images():
    name = tag("images")
    turn = client.says("what is this?", images=[PNG, PICTURE, PNG])
    said = ask(f"@echo:tag={name}", [turn])
    equal(said.text, "echo: what is this?; images: 3 (1 by URL); tool results: 0", "what arrived")
    inside = "data:image/png;base64," + PIXEL
    equal(received(name).turns[0].images, [inside, PICTURE, inside], "the images")


@case
def documents():
    name = tag("documents")
    ask(f"@tag={name}", [client.reads("sum up", "report.pdf", PDF)])
    [turn] = received(name).turns
    equal((turn.text, turn.files), ("sum up", [("report.pdf", "data:application/pdf;base64," + PDF)]), "turn")


@case
def usage():
    directives, prompt = {
        # OpenAI counts what was cached among the prompt, Anthropic beside it
        "openai": ("@tokens=11:22:3:4", 11),
        "anthropic": ("@tokens=11:22:3:cache-write=5:7", 11 + 3 + 5 + 7),
    }[PROVIDER]
    for answer in both(directives):
        tokens = answer.tokens
        equal((tokens.prompt, tokens.cached, tokens.output), (prompt, 3, 22), "usage")


@case
def usage_in_a_stream_only_where_it_is_asked_for():
    if client.NAME == "openai":
        for wanted in (None, False, True):
            options = {} if wanted is None else {"stream_options": {"include_usage": wanted}}
            chunks = list(client.client.chat.completions.create(
                **client.request(MODEL + "@tokens=11:22", HELLO), stream=True, **options
            ))
            client.check(chunks, usage=wanted is True)
    else:
        events = list(client.open_stream(MODEL + "@tokens=11:22", HELLO))
        client.check(events)
        equal(events[-2].usage.output_tokens, 22, "usage")


@case
def a_limit_that_was_reached():
    for answer in both(f"@finish={FINISHES['length']}"):
        equal((answer.text, answer.stop), (TEXT, "length"), "the answer")


@case
def a_stop_sequence_that_was_met():
    for answer in both("@stop-sequence=END"):
        known = client.NAME == PROVIDER == "anthropic"
        equal((answer.text, answer.stop), (TEXT, "stop sequence" if known else "end"), "the answer")


@case
def an_answer_that_was_filtered():
    for answer in both(f"@finish={FINISHES['refusal']}"):
        equal((answer.text, answer.stop), (TEXT, "refusal"), "the answer")


@case
def a_refusal():
    """OpenAI's models refuse in a field of its own, Anthropic's by their stop reason."""
    for answer in both("@refusal"):
        words = answer.refusal if NATIVE and PROVIDER == "openai" else answer.text
        equal(words, TEXT, "the words of the refusal")
        equal(answer.stop, "end" if PROVIDER == "openai" else "refusal", "stop reason")


@case
def no_limit():
    """Anthropic's dialect has no request without one, and of this model nobody knows the most."""
    if client.NAME == "openai" and PROVIDER == "anthropic":
        error = raises(client.STATUS_ERRORS[400], lambda: ask(limit=None))
        kind, message = client.problem(error)
        equal(kind, "invalid_request_error", "type")
        for word in ("max_tokens", "max_completion_tokens", '"scripted"'):
            true(word in message, f"no {word} in {message!r}")
    else:
        equal(ask(limit=None).text, TEXT, "text")


@case
def answers_at_the_same_time_are_not_mixed_up():
    def one(name):
        return ask(f"@delay-ms=3:tag={name}", stream=True).text

    names = [tag("mixed") for _ in range(24)]
    with ThreadPoolExecutor(24) as pool:
        equal(list(pool.map(one, names)), [f"{TEXT} [{name}]" for name in names], "texts")


@case
def an_abandoned_stream():
    stream = client.open_stream(MODEL + "@stall-after=7", HELLO)
    taken = ""
    for event in stream:
        taken += client.text_of(event)
        if taken:
            break
    stream.close()
    true(taken and TEXT.startswith(taken), f"what came before: {taken!r}")
    for answer in both():
        equal(answer.text, TEXT, "the next answer")


@case
def an_error_in_mid_stream():
    taken = []

    def read():
        for event in client.open_stream(MODEL + "@mid-error=6", HELLO):
            taken.append(client.text_of(event))

    error = raises(client.STREAM_ERROR, read)
    said = {"openai": "server had an error", "anthropic": "Overloaded"}[PROVIDER]
    true(said in str(error), f"message: {error}")
    before = "".join(taken)
    true(before and TEXT.startswith(before), f"what came before: {before!r}")


@case
def a_stream_that_just_stops():
    error = raises(client.STREAM_ERROR, lambda: list(client.open_stream(MODEL + "@cut-after=5", HELLO)))
    true("broke off in the middle" in str(error), f"message: {error}")


@case
def a_conversation_of_two_providers():
    check_conversation(stream=False)


@case
def a_streamed_conversation_of_two_providers():
    check_conversation(stream=True)


def check_conversation(stream):
    """The first turn by one provider, the second by the other, the third by the first again; kept as the
    library hands it out, in each way in which people keep it."""
    for keep in (lambda message: message, client.dumped):
        first, second, third = (tag(turn) for turn in ("first", "second", "third"))
        conversation = [client.says("the weather?")]

        def turn(model, name):
            more = {"stream": stream, "tools": True, "think": True}
            answer = client.ask(f"{model}@reasoning:tag={name}", conversation, **more)
            conversation.append(keep(answer.message))
            return answer

        called = turn(MODEL, first)
        check_called(called)
        equal(called.thoughts, THOUGHTS, "thoughts of the first turn")
        conversation.extend(client.results(called, ["rain", "sun"]))
        said = turn(OTHER, second)
        equal((said.text, said.thoughts), (f"{TEXT} [{second}]", THOUGHTS), "the second turn")
        conversation.append(client.says("and tomorrow?"))
        check_called(turn(MODEL, third))

        calls = [(call.id, call.name, exact(call.arguments)) for call in called.calls]
        results = [(called.calls[0].id, "rain"), (called.calls[1].id, "sun")]
        other = received(second)
        check_unseen(other)
        equal([turn.role for turn in other.turns], ["user", "assistant", "tools"], "turns of the second")
        equal((other.turns[1].calls, other.turns[1].thoughts), (calls, []), "the calls, for the other")
        equal(other.turns[2].results, results, "the results, for the other")

        own = received(third)
        roles = ["user", "assistant", "tools", "assistant", "user"]
        equal([turn.role for turn in own.turns], roles, "turns of the third")
        equal((own.turns[1].calls, own.turns[1].thoughts), (calls, own_thoughts()), "the calls, for the first")
        equal(own.turns[2].results, results, "the results, for the first")
        equal((own.turns[3].text, own.turns[3].thoughts), (said.text, []), "what the other said")
        equal(own.turns[4].text, "and tomorrow?", "the last question")
        true("penstock:" not in own.text, "a carrier reached a provider")


@case
def an_unknown_model():
    for model in (UNKNOWN_MODEL, MODEL.split("/")[0] + "/no-such-model"):
        error = raises(client.STATUS_ERRORS[404], lambda: client.ask(model, HELLO))
        kind, message = client.problem(error)
        equal(kind, client.KINDS[404], "type")
        true(message, "no message")


def refused(directives, status):
    error = raises(client.STATUS_ERRORS[status], lambda: ask(directives))
    equal(error.status_code, status, "status")
    kind, message = client.problem(error)
    if not NATIVE:
        equal(kind, client.KINDS[status], f"type of {status}")
    return error, message


@case
def a_bad_request():
    for stream in (False, True):
        error = raises(client.STATUS_ERRORS[400], lambda: ask("@status=400", stream=stream))
        expected = (client.KINDS[400], "The script asked for this status.")
        equal(client.problem(error), expected, "the provider's own words")


@case
def an_overloaded_provider():
    _, message = refused("@status=529", 529)
    equal(message, "The script asked for this status.", "message")


@case
def a_refused_credential():
    """It is the gateway's, so the client's own key is fine; see docs/decisions/0004."""
    _, message = refused("@status=401", 502)
    true("refused the gateway's credential" in message, message)


@case
def a_rate_limit_and_recovery():
    """Last, since the gateway rests the credential afterwards."""
    error, message = refused("@status=429:retry-after=1", 429)
    equal(error.response.headers["retry-after"], "1", "retry-after")
    equal(message, "The script asked for this status.", "message")
    equal(eventually(ask, client.STATUS_ERRORS[429]).text, TEXT, "after the limit")


run()
