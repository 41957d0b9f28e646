"""The official libraries against a gateway whose answers come out of a cache, all but the first."""

import anthropic
import openai
from case_runner import KEY, TEXT, TIMEOUT_SECONDS, URL, case, equal, eventually, run

OPTIONS = {"api_key": KEY, "max_retries": 0, "timeout": TIMEOUT_SECONDS}
chat = openai.OpenAI(base_url=f"{URL}/v1", **OPTIONS).chat.completions.with_raw_response
messages = anthropic.Anthropic(base_url=URL, **OPTIONS).messages.with_raw_response
ASKED = {"max_tokens": 64, "messages": [{"role": "user", "content": "the same again"}]}


def hit(answer):
    """What the library makes of a hit."""
    equal(answer.headers.get("x-penstock-cache"), "exact-cache", "header")
    return answer.parse()


def kept(ask):
    """The first answer is kept behind its client, who asks again at once; that waits for it."""
    ask()
    return eventually(lambda: hit(ask()), AssertionError)


@case
def openai_reads_a_hit():
    answer = kept(lambda: chat.create(model="openai/scripted", **ASKED))
    equal(answer.choices[0].message.content, TEXT, "content")


@case
def openai_reads_a_hit_as_a_stream():
    chunks = list(hit(chat.create(model="openai/scripted", stream=True, **ASKED)))
    equal("".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices), TEXT, "text")
    equal([c.choices[0].finish_reason for c in chunks if c.choices][-1], "stop", "finish reason")


@case
def anthropic_reads_a_hit():
    answer = kept(lambda: messages.create(model="anthropic/scripted", **ASKED))
    equal(answer.content[0].text, TEXT, "text")


@case
def anthropic_reads_a_hit_as_a_stream():
    events = list(hit(messages.create(model="anthropic/scripted", stream=True, **ASKED)))
    texts = [event.delta.text for event in events if event.type == "content_block_delta"]
    equal("".join(texts), TEXT, "text")
    equal(events[-1].type, "message_stop", "last event")


run()
