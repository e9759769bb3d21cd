// Writing down what two pictures are to each other, and taking it back. What can be undone outlives a reload.

import { send } from "/page/api.js";
import { el } from "/page/dom.js";

/** Verdict, its name, its key, and what it means. */
export const VERDICTS = [
  ["same", "Same", "s", "one picture, whatever was done to it"],
  ["same-object", "Same object", "o", "one thing, photographed twice"],
  ["different", "Different", "d", "nothing to do with each other"],
  ["fraud", "Fraud", "f", "one was made from the other to deceive"],
  ["cleared", "Cleared", "c", "looked into, and in order"],
];

const KEPT = 100; // steps that can be undone
const STORE = "undo";

const steps = JSON.parse(sessionStorage.getItem(STORE) ?? "[]");

const keep = () => sessionStorage.setItem(STORE, JSON.stringify(steps.slice(-KEPT)));

/** Decide pairs as one step; a pair is {a, b, before}, where `before` is what was decided of it until now. */
export async function decide(pairs, verdict, note = "") {
  await write(pairs.map(({ a, b }) => ({ a, b, verdict, note })));
  steps.push(pairs.map(({ a, b, before }) => ({ a, b, verdict: before ?? null })));
  keep();
}

/** Take the last step back; returns what counts again, or null where there is nothing to undo. */
export async function undo() {
  const step = steps.at(-1);
  if (!step) return null;
  await write(step);
  steps.pop();
  keep();
  return step;
}

async function write(decisions) {
  if (decisions.length === 1) return send("POST", "decisions", decisions[0], { key: key() });
  return send("POST", "decisions/bulk", { decisions, dry_run: false }, { key: key() });
}

/** A call that is sent twice, because the first answer was lost, counts once. */
const key = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** A button for each verdict; what is decided is pressed. With `keys` it names them. */
export function verdictBar(decided, choose, { keys = false } = {}) {
  return el("div", { class: "verdicts", role: "group", "aria-label": "Verdict" },
    VERDICTS.map(([verdict, name, letter, meaning]) => el("button", {
      type: "button", title: meaning, "data-verdict": verdict, "aria-pressed": String(verdict === decided),
      "aria-keyshortcuts": keys && letter, click: () => choose(verdict),
    }, keys && el("kbd", { "aria-hidden": "true" }, letter.toUpperCase()), name)));
}
