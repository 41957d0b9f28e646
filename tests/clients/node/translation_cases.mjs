// Either official library against a model of either dialect: the same cases for all four directions.
//
// PENSTOCK_CLIENT names the library (`openai`, `anthropic`), PENSTOCK_MODEL_PREFIX the model up to its
// directives (`anthropic/scripted`), PENSTOCK_OTHER_PREFIX one whose provider speaks the other dialect, and
// PENSTOCK_UPSTREAM the scripted upstream behind both, whose ledger says what reached a provider.
import assert from "node:assert/strict";
import {
  ARGUMENTS, PIXEL, SIGNATURE, TEXT, THOUGHTS, UNKNOWN_MODEL, collected, eventually, rejection, run, test,
} from "./case_runner.mjs";
import { received } from "./upstream_record.mjs";

const client = await import(`./${process.env.PENSTOCK_CLIENT}_adapter.mjs`);
const MODEL = process.env.PENSTOCK_MODEL_PREFIX;
const OTHER = process.env.PENSTOCK_OTHER_PREFIX;
const [PROVIDER] = MODEL.split("/");
const NATIVE = client.NAME === PROVIDER;
const ANTHROPIC = PROVIDER === "anthropic";

const HELLO = [client.says("hello")];
// As the scripted upstream spells them
const CALL_TEXTS = [
  '{"city":"Zürich","unit":"celsius"}',
  '{"city": "São Paulo", "days": 3.0, "tags": ["a", "b"]}',
];
const REDACTED = "EmwKAhgBEgyScriptedRedacted+/w==";
const PNG = ["image/png", PIXEL];
const PICTURE = "https://pictures.example/a%20cat.png?size=1&of=2";
const PDF = "JVBERi0xLjQKJcOkw7zDtsOfCg==";
const SCHEMA = { type: "object", properties: { n: { type: "number" } }, required: ["n"] };
// By what a provider says its answer ended with
const FINISHES = {
  openai: { length: "length", refusal: "content_filter" },
  anthropic: { length: "max_tokens", refusal: "refusal" },
}[PROVIDER];
// What the provider has to get back of its own reasoning
const OWN_THOUGHTS = [[THOUGHTS, ANTHROPIC ? SIGNATURE : undefined]];
const OWN_REDACTED = ANTHROPIC ? [REDACTED] : [];

let number = 0;
/** A tag of its own for each request whose record is looked at. */
const tag = (what) => `${what}-${number++}`;

const ask = (directives = "", conversation = HELLO, more = {}) =>
  client.ask(MODEL + directives, conversation, more);

/** The whole answer and the streamed one. */
async function both(directives = "", conversation = HELLO, more = {}) {
  const whole = await ask(directives, conversation, more);
  return [whole, await ask(directives, conversation, { ...more, stream: true })];
}

function checkCalled({ stop, calls, body }) {
  assert.equal(stop, "tools");
  assert.deepEqual(calls.map((call) => call.name), ["weather", "forecast"]);
  assert.deepEqual(calls.map((call) => call.arguments), ARGUMENTS);
  // where the library shows the text of the arguments, it is the model's own
  if (client.NAME === "openai") assert.deepEqual(calls.map((call) => call.text), CALL_TEXTS);
  // in this language 3.0 is 3, so it is looked for in the text
  if (body !== undefined) assert.match(body, /days\\?": 3\.0,/);
  assert.ok(calls.every((call) => call.id), "a call has no id");
  assert.notEqual(calls[0].id, calls[1].id);
}

/** The calls of an answer, as the record has them. */
const asRecorded = ({ calls }) => calls.map((call) => [call.id, call.name, call.arguments]);

/** Nothing of another provider's reasoning is anywhere in the request. */
function checkUnseen({ text }) {
  for (const secret of ["penstock:", SIGNATURE, REDACTED, "First weigh"]) {
    assert.ok(!text.includes(secret), `${secret} reached the other provider`);
  }
}

test(async function text() {
  const [whole, streamed] = await both("@tokens=11:22");
  for (const answer of [whole, streamed]) {
    assert.deepEqual([answer.text, answer.stop, answer.calls], [TEXT, "end", []]);
    assert.deepEqual([answer.thoughts, answer.sealed], ["", []]);
  }
  assert.ok(streamed.pieces.text > 2, "the text did not come in pieces");
});

test(async function text_in_odd_framing() {
  for (const framing of ["@byte-splits", "@crlf:comments", "@byte-splits=1:crlf", "@chunks=200"]) {
    const answer = await ask(framing, HELLO, { stream: true });
    assert.ok(answer.text.startsWith(TEXT), `${framing}: ${answer.text}`);
    assert.equal(answer.stop, "end");
  }
});

test(async function tools_and_thoughts_in_odd_framing() {
  for (const framing of ["@reasoning:byte-splits=3", "@reasoning:crlf:comments"]) {
    const answer = await ask(framing, HELLO, { stream: true, tools: true, think: true });
    checkCalled(answer);
    assert.equal(answer.thoughts, THOUGHTS, framing);
  }
});

test(async function instructions() {
  const name = tag("instructions");
  const [conversation, more] = client.instructed("be brief", HELLO);
  const { text: said } = await ask(`@echo:tag=${name}`, conversation, more);
  assert.equal(said, "echo: hello; images: 0; tool results: 0");
  assert.equal((await received(name)).system, "be brief");
});

test(async function settings() {
  const name = tag("settings");
  await ask(`@tag=${name}`, HELLO, { tools: true, schema: SCHEMA, ...client.SETTINGS });
  const { body } = await received(name);
  assert.deepEqual([body.temperature, body.top_p], [0.5, 0.25]);
  if (ANTHROPIC) {
    assert.deepEqual(body.tool_choice, { type: "any", disable_parallel_tool_use: true });
    assert.deepEqual([body.stop_sequences, body.metadata], [["END", "FIN"], { user_id: "ada" }]);
    assert.equal(body.max_tokens, 2048);
    assert.deepEqual(body.output_config.format, { type: "json_schema", schema: SCHEMA });
    assert.equal(body.tools[1].name, "forecast");
    assert.deepEqual(body.tools[1].input_schema.required, ["city"]);
  } else {
    assert.deepEqual([body.tool_choice, body.parallel_tool_calls], ["required", false]);
    assert.deepEqual([body.stop, body.user], [["END", "FIN"], "ada"]);
    assert.equal(body.max_completion_tokens, 2048);
    assert.equal(body.response_format.type, "json_schema");
    assert.deepEqual(body.response_format.json_schema.schema, SCHEMA);
    assert.equal(body.tools[1].function.name, "forecast");
    assert.deepEqual(body.tools[1].function.parameters.required, ["city"]);
  }
});

test(async function tools() {
  const [whole, streamed] = await both("@tokens=11:22", HELLO, { tools: true });
  for (const answer of [whole, streamed]) {
    checkCalled(answer);
    assert.equal(answer.text, "");
  }
  const pieces = [streamed.pieces["call 0"], streamed.pieces["call 1"]];
  assert.ok(Math.min(...pieces) > 2, `the arguments did not come in pieces: ${pieces}`);
});

// Some providers stream both calls at once; clients of Anthropic's dialect get one after the other
test(async function tools_side_by_side() {
  checkCalled(await ask("@interleaved", HELLO, { stream: true, tools: true }));
});

const checkResults = async (stream) => {
  const answer = await ask("", HELLO, { tools: true, stream });
  for (const message of [answer.message, client.copied(answer.message)]) {
    const name = tag("results");
    const conversation = [...HELLO, message, ...client.results(answer, ["rain", "sun"])];
    const { text: said } = await ask(`@echo:tag=${name}`, conversation, { tools: true });
    // in Anthropic's dialect the results are the user's last turn, and have no text
    assert.equal(said, `echo: ${ANTHROPIC ? "" : "hello"}; images: 0; tool results: 2`);
    const { turns } = await received(name);
    assert.deepEqual(turns.map((turn) => turn.role), ["user", "assistant", "tools"]);
    assert.deepEqual(turns[1].calls, asRecorded(answer));
    assert.deepEqual(turns[2].results, [[answer.calls[0].id, "rain"], [answer.calls[1].id, "sun"]]);
  }
};

test(async function tool_results() {
  await checkResults(false);
});

test(async function tool_results_after_a_stream() {
  await checkResults(true);
});

test(async function thoughts() {
  const [whole, streamed] = await both("@reasoning", HELLO, { think: true });
  for (const answer of [whole, streamed]) {
    assert.deepEqual([answer.thoughts, answer.text, answer.stop], [THOUGHTS, TEXT, "end"]);
    // a provider without signatures has none to seal, where no other dialect needs one
    assert.equal(answer.sealed.length, NATIVE && !ANTHROPIC ? 0 : 1);
    assert.ok(answer.sealed.every((seal) => typeof seal === "string"), "a signature is no text");
  }
  assert.ok(streamed.pieces.thoughts > 2, "the thoughts did not come in pieces");
});

test(async function thoughts_go_back_to_who_thought_them() {
  for (const answer of await both("@reasoning", HELLO, { think: true })) {
    const [own, other] = [tag("own"), tag("other")];
    const conversation = [...HELLO, answer.message, client.says("go on")];
    await ask(`@tag=${own}`, conversation, { think: true });
    const { turns } = await received(own);
    assert.deepEqual(turns.map((turn) => turn.role), ["user", "assistant", "user"]);
    assert.equal(turns[1].text, TEXT);
    checkOwn(turns[1], answer);
    await client.ask(`${OTHER}@tag=${other}`, conversation, { think: true });
    const elsewhere = await received(other);
    assert.deepEqual([elsewhere.turns[1].thoughts, elsewhere.turns[1].text], [[], TEXT]);
    checkUnseen(elsewhere);
  }
});

/** The provider has its own thoughts back: all of them, unless the library had kept only a part. */
function checkOwn({ thoughts }, { message }) {
  const kept = NATIVE && !ANTHROPIC ? message.reasoning_content : THOUGHTS;
  assert.deepEqual(thoughts, kept ? [[kept, OWN_THOUGHTS[0][1]]] : []);
}

/** What nobody can read comes back as well; only Anthropic's dialect has it. */
const checkRedacted = async (stream) => {
  const answer = await ask("@reasoning:redacted", HELLO, { think: true, stream });
  const [own, other] = [tag("redacted"), tag("redacted-other")];
  const conversation = [...HELLO, answer.message, client.says("go on")];
  await ask(`@tag=${own}`, conversation, { think: true });
  const { turns } = await received(own);
  checkOwn(turns[1], answer);
  assert.deepEqual(turns[1].redacted, OWN_REDACTED);
  await client.ask(`${OTHER}@tag=${other}`, conversation);
  checkUnseen(await received(other));
};

test(async function redacted_thoughts() {
  await checkRedacted(false);
});

test(async function redacted_thoughts_of_a_stream() {
  await checkRedacted(true);
});

test(async function images() {
  const name = tag("images");
  const turn = client.says("what is this?", [PNG, PICTURE, PNG]);
  const { text: said } = await ask(`@echo:tag=${name}`, [turn]);
  assert.equal(said, "echo: what is this?; images: 3 (1 by URL); tool results: 0");
  const inside = `data:image/png;base64,${PIXEL}`;
  assert.deepEqual((await received(name)).turns[0].images, [inside, PICTURE, inside]);
});

test(async function documents() {
  const name = tag("documents");
  await ask(`@tag=${name}`, [client.reads("sum up", "report.pdf", PDF)]);
  const [turn] = (await received(name)).turns;
  const expected = ["sum up", [["report.pdf", `data:application/pdf;base64,${PDF}`]]];
  assert.deepEqual([turn.text, turn.files], expected);
});

test(async function usage() {
  // OpenAI counts what was cached among the prompt, Anthropic beside it
  const [directives, prompt] = ANTHROPIC
    ? ["@tokens=11:22:3:cache-write=5:7", 11 + 3 + 5 + 7]
    : ["@tokens=11:22:3:4", 11];
  for (const { tokens } of await both(directives)) {
    assert.deepEqual(tokens, { prompt, cached: 3, output: 22 });
  }
});

test(async function usage_in_a_stream_only_where_it_is_asked_for() {
  await client.checkUsage(`${MODEL}@tokens=11:22`, HELLO);
});

test(async function a_limit_that_was_reached() {
  for (const answer of await both(`@finish=${FINISHES.length}`)) {
    assert.deepEqual([answer.text, answer.stop], [TEXT, "length"]);
  }
});

test(async function a_stop_sequence_that_was_met() {
  for (const answer of await both("@stop-sequence=END")) {
    const known = client.NAME === "anthropic" && ANTHROPIC;
    assert.deepEqual([answer.text, answer.stop], [TEXT, known ? "stop sequence" : "end"]);
  }
});

test(async function an_answer_that_was_filtered() {
  for (const answer of await both(`@finish=${FINISHES.refusal}`)) {
    assert.deepEqual([answer.text, answer.stop], [TEXT, "refusal"]);
  }
});

// OpenAI's models refuse in a field of its own, Anthropic's by their stop reason
test(async function a_refusal() {
  for (const answer of await both("@refusal")) {
    assert.equal(NATIVE && !ANTHROPIC ? answer.refusal : answer.text, TEXT);
    assert.equal(answer.stop, ANTHROPIC ? "refusal" : "end");
  }
});

// Anthropic's dialect has no request without one, and of this model nobody knows the most
test(async function no_limit() {
  const limit = null;
  if (client.NAME === "openai" && ANTHROPIC) {
    const error = await rejection(client.STATUS_ERRORS[400], () => ask("", HELLO, { limit }));
    const [kind, message] = client.problem(error);
    assert.equal(kind, "invalid_request_error");
    for (const word of ["max_tokens", "max_completion_tokens", '"scripted"']) {
      assert.ok(message.includes(word), `no ${word} in ${message}`);
    }
  } else {
    assert.equal((await ask("", HELLO, { limit })).text, TEXT);
  }
});

test(async function answers_at_the_same_time_are_not_mixed_up() {
  const names = [...Array(24)].map(() => tag("mixed"));
  const answers = names.map((name) => ask(`@delay-ms=3:tag=${name}`, HELLO, { stream: true }));
  const texts = (await Promise.all(answers)).map((answer) => answer.text);
  assert.deepEqual(texts, names.map((name) => `${TEXT} [${name}]`));
});

test(async function an_abandoned_stream() {
  let taken = "";
  for await (const event of await client.openStream(`${MODEL}@stall-after=7`, HELLO)) {
    taken += client.textOf(event);
    if (taken) break;
  }
  assert.ok(taken && TEXT.startsWith(taken), `what came before: ${taken}`);
  for (const answer of await both()) assert.equal(answer.text, TEXT);
});

test(async function an_error_in_mid_stream() {
  let taken = "";
  const error = await rejection(client.StreamError, async () => {
    for await (const event of await client.openStream(`${MODEL}@mid-error=6`, HELLO)) {
      taken += client.textOf(event);
    }
  });
  assert.match(error.message, ANTHROPIC ? /Overloaded/ : /server had an error/);
  assert.ok(taken && TEXT.startsWith(taken), `what came before: ${taken}`);
});

test(async function a_stream_that_just_stops() {
  const error = await rejection(client.StreamError, async () =>
    collected(await client.openStream(`${MODEL}@cut-after=5`, HELLO)),
  );
  assert.match(error.message, /broke off in the middle/);
});

/**
 * The first turn by one provider, the second by the other, the third by the first again; kept as the
 * library hands it out, in each way in which people keep it.
 */
const checkConversation = async (stream) => {
  for (const keep of [(message) => message, client.copied]) {
    const [first, second, third] = ["first", "second", "third"].map(tag);
    const conversation = [client.says("the weather?")];
    const turn = async (model, name) => {
      const more = { stream, tools: true, think: true };
      const answer = await client.ask(`${model}@reasoning:tag=${name}`, conversation, more);
      conversation.push(keep(answer.message));
      return answer;
    };
    const called = await turn(MODEL, first);
    checkCalled(called);
    assert.equal(called.thoughts, THOUGHTS);
    conversation.push(...client.results(called, ["rain", "sun"]));
    const said = await turn(OTHER, second);
    assert.deepEqual([said.text, said.thoughts], [`${TEXT} [${second}]`, THOUGHTS]);
    conversation.push(client.says("and tomorrow?"));
    checkCalled(await turn(MODEL, third));

    const calls = asRecorded(called);
    const results = [[called.calls[0].id, "rain"], [called.calls[1].id, "sun"]];
    const other = await received(second);
    checkUnseen(other);
    assert.deepEqual(other.turns.map((one) => one.role), ["user", "assistant", "tools"]);
    assert.deepEqual([other.turns[1].calls, other.turns[1].thoughts], [calls, []]);
    assert.deepEqual(other.turns[2].results, results);

    const own = await received(third);
    const roles = ["user", "assistant", "tools", "assistant", "user"];
    assert.deepEqual(own.turns.map((one) => one.role), roles);
    assert.deepEqual(own.turns[1].calls, calls);
    checkOwn(own.turns[1], called);
    assert.deepEqual(own.turns[2].results, results);
    assert.deepEqual([own.turns[3].text, own.turns[3].thoughts], [said.text, []]);
    assert.equal(own.turns[4].text, "and tomorrow?");
    assert.ok(!own.text.includes("penstock:"), "a carrier reached a provider");
  }
};

test(async function a_conversation_of_two_providers() {
  await checkConversation(false);
});

test(async function a_streamed_conversation_of_two_providers() {
  await checkConversation(true);
});

test(async function an_unknown_model() {
  for (const model of [UNKNOWN_MODEL, `${PROVIDER}/no-such-model`]) {
    const error = await rejection(client.STATUS_ERRORS[404], () => client.ask(model, HELLO));
    const [kind, message] = client.problem(error);
    assert.equal(kind, client.KINDS[404]);
    assert.ok(message, "no message");
  }
});

async function refused(directives, status) {
  const error = await rejection(client.STATUS_ERRORS[status], () => ask(directives));
  assert.equal(error.status, status);
  const [kind, message] = client.problem(error);
  if (!NATIVE) assert.equal(kind, client.KINDS[status]);
  return { error, message };
}

test(async function a_bad_request() {
  for (const stream of [false, true]) {
    const error = await rejection(client.STATUS_ERRORS[400], () => ask("@status=400", HELLO, { stream }));
    assert.deepEqual(client.problem(error), [client.KINDS[400], "The script asked for this status."]);
  }
});

test(async function an_overloaded_provider() {
  const { message } = await refused("@status=529", 529);
  assert.equal(message, "The script asked for this status.");
});

// It is the gateway's, so the client's own key is fine; see docs/decisions/0004
test(async function a_refused_credential() {
  const { message } = await refused("@status=401", 502);
  assert.match(message, /refused the gateway's credential/);
});

// Last, since the gateway rests the credential afterwards
test(async function a_rate_limit_and_recovery() {
  const { error, message } = await refused("@status=429:retry-after=1", 429);
  assert.equal(error.headers.get("retry-after"), "1");
  assert.equal(message, "The script asked for this status.");
  assert.equal((await eventually(ask, client.STATUS_ERRORS[429])).text, TEXT);
});

await run();
