// Keys of the review, and the sheet that names them. Single letters can be turned off, for those who speak to the
// machine or touch keys by accident.

import { el, sheet } from "/page/dom.js";
import { VERDICTS } from "/page/deciding.js";

const STORE = "keys";

const HELP = [
  ...VERDICTS.map(([, name, key, meaning]) => [key, `${name}: ${meaning}`]),
  ["shift S", "same, for all that is open in this group"],
  ["U", "undo the last decision; again for the one before"],
  ["J  →", "next pair"],
  ["K  ←", "previous pair"],
  ["1 2 3 4", "side by side, overlay, blink, difference"],
  ["space", "pause the blinking, then A or B"],
  ["N", "write a note for the next decision"],
  ["?", "this sheet"],
];

let on = localStorage.getItem(STORE) !== "off";

/** Call `acts[key]` for keys that are pressed outside of fields and windows; returns what stops it. */
export function listen(acts) {
  const stop = new AbortController();
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input:not([type=radio]), select, textarea")) return;
    if (event.key === " " && event.target.closest("button, a, summary")) return;
    if (event.key.startsWith("Arrow") && event.target.closest("input")) return;
    const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key; // whatever caps lock says
    const act = acts[event.shiftKey && /[a-z]/.test(letter) ? `shift ${letter}` : letter];
    if (!act || (!on && event.key !== "?")) return;
    event.preventDefault();
    act();
  }, { signal: stop.signal });
  return () => stop.abort();
}

/** The help sheet. */
export function showKeys() {
  sheet("Keys",
    el("dl", { class: "table keys" }, HELP.flatMap(([keys, meaning]) => [
      el("dt", {}, keys.split(" ").filter(Boolean).map((key) => el("kbd", {}, key.length === 1 ? key.toUpperCase() : key))),
      el("dd", {}, meaning)])),
    el("label", { class: "tick" }, el("input", { type: "checkbox", checked: on, change: (event) => {
      on = event.target.checked;
      localStorage.setItem(STORE, on ? "on" : "off");
    } }), "Letters act at once"));
}
