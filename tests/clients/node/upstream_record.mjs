// What the scripted upstream received, from its ledger: a conversation in the same words whatever the
// dialect it was sent in.
import assert from "node:assert/strict";

const UPSTREAM = process.env.PENSTOCK_UPSTREAM;

/** The only request with that tag: its body as text and as JSON, and the conversation in it. */
export async function received(tag) {
  const answer = await fetch(`${UPSTREAM}/_ledger?tag=${tag}`);
  const entries = (await answer.text()).split("\n").filter(Boolean).map((line) => JSON.parse(line));
  assert.equal(entries.length, 1, `one request with the tag ${tag}`);
  const [{ body: text, path }] = entries;
  const body = JSON.parse(text);
  const anthropic = path.split("?")[0].endsWith("/messages");
  return { text, body, ...(anthropic ? ofAnthropic(body) : ofOpenai(body)) };
}

/** One side's turn; tool results are a side of their own. */
const turn = (role) => ({
  role, text: "", thoughts: [], redacted: [], calls: [], results: [], images: [], files: [],
});

const parts = (content) => (Array.isArray(content) ? content : [{ type: "text", text: content ?? "" }]);

const urlOf = ({ type, url, media_type, data }) => (type === "url" ? url : `data:${media_type};base64,${data}`);

function ofAnthropic({ system, messages }) {
  const turns = messages.map(({ role, content }) => {
    const said = turn(role);
    for (const block of parts(content)) {
      const add = {
        text: () => (said.text += block.text),
        thinking: () => said.thoughts.push([block.thinking, block.signature]),
        redacted_thinking: () => said.redacted.push(block.data),
        tool_use: () => said.calls.push([block.id, block.name, block.input]),
        tool_result: () => said.results.push([block.tool_use_id, block.content]),
        image: () => said.images.push(urlOf(block.source)),
        document: () => said.files.push([block.title, urlOf(block.source)]),
      }[block.type];
      assert.ok(add, `a block of type ${block.type}`);
      add();
    }
    return said.results.length ? { ...said, role: "tools" } : said;
  });
  return { system, turns };
}

function ofOpenai({ messages }) {
  const turns = [];
  let system;
  for (const { role, content, reasoning_content, tool_calls, tool_call_id } of messages) {
    if (role === "system") {
      system = content;
      continue;
    }
    if (role === "tool") {
      if (turns.at(-1)?.role !== "tools") turns.push(turn("tools"));
      turns.at(-1).results.push([tool_call_id, content]);
      continue;
    }
    const said = turn(role);
    turns.push(said);
    for (const part of parts(content)) {
      const add = {
        text: () => (said.text += part.text),
        image_url: () => said.images.push(part.image_url.url),
        file: () => said.files.push([part.file.filename, part.file.file_data]),
      }[part.type];
      assert.ok(add, `a part of type ${part.type}`);
      add();
    }
    if (reasoning_content) said.thoughts.push([reasoning_content, undefined]);
    for (const { id, function: called } of tool_calls ?? []) {
      said.calls.push([id, called.name, JSON.parse(called.arguments)]);
    }
  }
  return { system, turns };
}
