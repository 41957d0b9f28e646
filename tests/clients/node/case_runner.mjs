// Runs named cases against PENSTOCK_URL and prints one line of JSON for each.
// What the scripted upstream says is known (tests/src/upstream/render.rs), so cases compare exactly.
import assert from "node:assert/strict";

const environment = process.env;

export const URL = (environment.PENSTOCK_URL ?? "http://127.0.0.1:8787").replace(/\/+$/, "");
export const KEY = environment.PENSTOCK_KEY || "no-key-needed";
export const AUTH_IS_ON = !["", "0", "false"].includes(environment.PENSTOCK_AUTH ?? "");
export const UNKNOWN_MODEL = environment.UNKNOWN_MODEL ?? "no-such-provider/no-such-model";
export const TIMEOUT_MS = 20_000;

export const TEXT =
  'The scripted upstream says: naïve café, "quoted", back\\slash, 日本語 and 🎉 — done.';
export const THOUGHTS = "First weigh the question, then answer it — step by step.";
export const SIGNATURE = "EqQBCkYIBxgCKkBzY3JpcHRlZC11cHN0cmVhbS1zaWduYXR1cmU+/w==";
export const ARGUMENTS = [
  { city: "Zürich", unit: "celsius" },
  { city: "São Paulo", days: 3.0, tags: ["a", "b"] },
];
export const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
export const PARAMETERS = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
};

const cases = [];

class Skip extends Error {}

/** Registers a case under the function's own name. */
export function test(run) {
  cases.push(run);
}

/** The error of exactly that kind, which `call` must end in. */
export async function rejection(kind, call) {
  try {
    await call();
  } catch (error) {
    if (error instanceof kind) return error;
    throw error;
  }
  assert.fail(`expected ${kind.name}, but nothing was thrown`);
}

export function mistypedKey() {
  if (!AUTH_IS_ON) throw new Skip("keys are not checked in this run");
  return KEY.slice(0, -1) + (KEY.endsWith("0") ? "1" : "0");
}

/** Repeats `call` while it throws `accepted`: a credential that was limited needs to cool. */
export async function eventually(call, accepted, milliseconds = 15_000) {
  const end = Date.now() + milliseconds;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof accepted) || Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

export async function collected(stream) {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
}

/** Runs all cases, or those named on the command line; exits non-zero if any fails. */
export async function run() {
  const wanted = process.argv.slice(2);
  let failed = 0;
  for (const one of cases) {
    if (wanted.length && !wanted.includes(one.name)) continue;
    const line = { case: one.name, ok: true, detail: "" };
    try {
      await one();
    } catch (error) {
      line.detail = error.message;
      if (error instanceof Skip) {
        line.skipped = true;
      } else {
        failed += 1;
        line.ok = false;
        line.detail = `${error.name}: ${error.message}`;
      }
    }
    console.log(JSON.stringify(line));
  }
  process.exit(failed ? 1 : 0);
}
