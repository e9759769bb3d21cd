// The queue as a list beside the pair: what is there, what is decided, and where one is.

import { el } from "/page/dom.js";
import { bytes, counted, fileName } from "/page/format.js";
import { thumbnail, verdictMark } from "/page/picture.js";
import { isDecided } from "/page/queue.js";

/** The list; `render` adds what is new and marks what changed. */
export function queueRail(queue) {
  const list = el("ol", {});
  const foot = el("div", { class: "more" });
  const shown = new Map(); // entry: its row and what in it changes
  const reached = new IntersectionObserver(([seen]) => { if (seen.isIntersecting && !queue.ended) queue.more(); });

  function add(entry) {
    const [{ a, b }] = entry.pairs;
    const marks = el("span", { class: "marks" });
    const button = el("button", { type: "button", click: () => queue.go(queue.pairs.indexOf(entry.pairs[0])) },
      el("span", { class: "thumbs" }, [a, b].filter(Boolean).slice(0, 2).map((one) => thumbnail(one, "", 128))),
      el("span", { class: "words" }, el("span", { class: "path" }, a ? fileName(a.path) : "gone"),
        el("span", { class: "soft" }, about(entry)), marks));
    list.append(el("li", {}, button));
    shown.set(entry, { button, marks });
  }

  function render() {
    for (const entry of queue.entries) if (!shown.has(entry)) add(entry);
    for (const [entry, { button, marks }] of shown) {
      if (queue.current?.entry === entry && !button.hasAttribute("aria-current")) {
        button.setAttribute("aria-current", "true");
        button.scrollIntoView({ block: "nearest" });
      } else if (queue.current?.entry !== entry) button.removeAttribute("aria-current");
      const words = isDecided(entry) ? [...new Set(entry.pairs.map((pair) => pair.decision).filter(Boolean))] : [];
      if (marks.textContent !== words.join("")) marks.replaceChildren(...words.map(verdictMark));
    }
    foot.replaceChildren(...(queue.ended ? [] : [el("button", { type: "button", click: () => queue.more() }, "Show more")]));
    if (queue.entries.length) reached.observe(foot); // not while it is empty: what was seen then may be told after the first page came
  }

  return { element: el("nav", { class: "queue", "aria-label": "Queue" }, list, foot), render };
}

function about(entry) {
  if (!entry.members) return [entry.kind, entry.verdict].filter(Boolean).join(", ");
  const copies = counted(entry.members.length, "copy", "copies");
  return entry.wasted_bytes ? `${copies}, ${bytes(entry.wasted_bytes)}` : copies;
}
