// Review: what waits for a decision, most valuable first, pair by pair, by keyboard.

import { get } from "/page/api.js";
import { acceptMany } from "/page/accept.js";
import { choice, el, say } from "/page/dom.js";
import { decide, undo, verdictBar } from "/page/deciding.js";
import { bytes, count, fileName, percent, score } from "/page/format.js";
import { listen, showKeys } from "/page/keys.js";
import { failure, nothing, tell } from "/page/notice.js";
import { MODES, pairStage, sideOf } from "/page/pair.js";
import { place, thumbnail, verdictMark } from "/page/picture.js";
import { Queue, decidable } from "/page/queue.js";
import { queueRail } from "/page/rail.js";

const POLL = 1000; // milliseconds, while the groups of a new generation are found

let mode = "side"; // the way of looking stays as it was from pair to pair

export async function show(parameters) {
  const kind = parameters.get("kind") === "alerts" ? "alerts" : "groups";
  const state = ["decided", "all"].includes(parameters.get("state")) ? parameters.get("state") : "open";
  const status = await get("status");
  const go = (name, value) => { location.hash = `#/review?${new URLSearchParams({ kind, state, [name]: value })}`; };
  const queue = new Queue(kind, state, render, (error) => (queue.entries.length ? tell(error.message) : desk.replaceChildren(failure(error, load))));
  const rail = queueRail(queue);
  const progress = el("div", { class: "progress" });
  const desk = el("section", { class: "desk", "aria-label": "Pair" });
  const note = el("input", { class: "note", "aria-label": "Note for the next decision", placeholder: "Note (N)", maxlength: 1000 });
  const verdicts = el("div", { class: "bar" });
  const members = el("ol", { class: "members", "aria-label": "Copies in this group" });
  let shown = null;
  let stage = null;
  let polling = 0;

  function render() {
    rail.render();
    renderProgress();
    const pair = queue.current;
    if (!pair) {
      stage?.left();
      shown = stage = null;
      desk.replaceChildren(...(queue.ended && queue.facts.state !== "computing" ? [empty(queue)] : []));
      return;
    }
    if (pair !== shown) {
      stage?.left();
      shown = pair;
      stage = null;
      desk.replaceChildren(...facing(pair));
      say(`Pair ${queue.at + 1}: ${[pair.a, pair.b].filter(Boolean).map((one) => fileName(one.path)).join(" and ")}`);
    }
    renderVerdicts(pair);
    if (stage && pair.entry.pairs.length > 1) renderMembers(pair);
  }

  function facing(pair) {
    const both = [pair.a, pair.b].filter(Boolean);
    stage = decidable(pair) ? pairStage(sideOf(pair.a), sideOf(pair.b), { mode, verify: status.verify_available, modeChanged: (wanted) => { mode = wanted; } }) : null;
    const told = [
      el("span", { class: "score" }, score(pair.score)),
      pair.probability != null && `${percent(pair.probability)} a copy`,
      verdictMark(pair.verdict),
      !pair.reason.startsWith("score ") && pair.reason, // it is there already
      pair.about,
    ].filter(Boolean);
    const reason = el("p", { class: "reason" }, told.flatMap((one, at) => (at ? [" · ", one] : [one])));
    if (stage) return [reason, ...(pair.entry.pairs.length > 1 ? [members] : []), stage.element, verdicts, facts(pair)];
    const image = both[0] && el("div", { class: "single" }, el("img", { src: sideOf(both[0]).src, alt: fileName(both[0].path) }));
    return [reason, image ?? "", el("p", { class: "notice" }, both.length
      ? "The same bytes lie in more than one place: there is nothing to decide, only something to free."
      : "What this is about is no longer in the index."), ...(both.length ? [facts(pair)] : [])];
  }

  function renderMembers(pair) {
    members.replaceChildren(...pair.entry.pairs.map((one) => el("li", {}, el("button", {
      type: "button", "aria-label": [fileName(one.b.path), one.decision].filter(Boolean).join(", "),
      "aria-current": one === pair && "true", click: () => queue.go(queue.pairs.indexOf(one)),
    }, thumbnail(one.b, "", 128), decidable(one) ? verdictMark(one.decision) : "same bytes"))));
  }

  function renderVerdicts(pair) {
    const bar = verdictBar(pair.decision, (verdict) => judge([pair], verdict), { keys: true });
    const held = verdicts.contains(document.activeElement) && document.activeElement.dataset.verdict;
    verdicts.replaceChildren(bar, note,
      el("button", { type: "button", class: "quiet", "aria-keyshortcuts": "u", click: takeBack }, el("kbd", { "aria-hidden": "true" }, "U"), "Undo"));
    if (held) bar.querySelector(`[data-verdict=${held}]`).focus({ preventScroll: true });
  }

  async function judge(pairs, verdict) {
    if (!pairs.length || !pairs.every(decidable)) return;
    try {
      await decide(pairs.map(({ a, b, decision }) => ({ a: a.item, b: b.item, before: decision })), verdict, note.value.trim());
    } catch (error) {
      tell(error.message);
      return;
    }
    note.value = "";
    for (const { a, b } of pairs) queue.note(a.item, b.item, verdict);
    const last = await queue.goOn() ? "" : " That was the last one that waits.";
    tell(`${fileName(pairs[0].b.path)}: ${verdict}.${last}`);
  }

  async function takeBack() {
    try {
      const step = await undo();
      if (!step) return void tell("There is nothing to undo.");
      for (const { a, b, verdict } of step) queue.note(a, b, verdict);
      tell(step[0].verdict ? `Undone: ${step[0].verdict} again.` : "Undone.");
      const { a, b } = step[0];
      const at = queue.pairs.findIndex((pair) => pair.a?.item === a && pair.b?.item === b);
      if (at >= 0) queue.go(at);
      else restart();
    } catch (error) {
      tell(error.message);
    }
  }

  const restart = () => dispatchEvent(new HashChangeEvent("hashchange"));

  function renderProgress() {
    const { open = 0, decided = 0 } = queue.facts;
    const sum = open + decided;
    progress.replaceChildren(
      el("progress", { max: sum || 1, value: decided, "aria-label": "Decided" }),
      el("p", { class: "soft" }, sum ? `${count(decided)} of ${count(sum)} decided` : "nothing to decide"));
  }

  async function load() {
    if (!await queue.more()) return;
    const { state: finding, progress: share, problem } = queue.facts;
    if (problem) desk.replaceChildren(failure(new Error(problem)));
    if (finding !== "computing" || queue.entries.length) return; // the groups of the last generation do till then
    desk.replaceChildren(el("div", { class: "notice", role: "status" },
      el("p", {}, "Comparing every picture with every other, once for this generation."),
      el("progress", { max: 1, value: share, "aria-label": "Comparing" })));
    polling = setTimeout(restart, POLL);
  }

  const unlisten = listen({
    ...Object.fromEntries(["same", "same-object", "different", "fraud", "cleared"].map((verdict, at) =>
      ["sodfc"[at], () => queue.current && judge([queue.current], verdict)])),
    "shift s": () => queue.current && judge(queue.current.entry.pairs.filter((pair) => decidable(pair) && !pair.decision), "same"),
    u: takeBack,
    j: () => queue.go(queue.at + 1), ArrowRight: () => queue.go(queue.at + 1),
    k: () => queue.go(queue.at - 1), ArrowLeft: () => queue.go(queue.at - 1),
    ...Object.fromEntries(MODES.map(([name], at) => [at + 1, () => { mode = name; stage?.setMode(name); }])),
    " ": () => stage?.pause(),
    n: () => note.focus(),
    "?": showKeys,
  });
  note.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === "Escape") note.blur(); });
  load();

  return {
    content: el("div", { class: "review" },
      el("h1", { class: "unseen" }, "Review"),
      el("header", { class: "tools" },
        choice("Queue", "kind", [["groups", "Duplicates"], ["alerts", "Alerts"]], kind, (value) => go("kind", value)),
        choice("State", "state", [["open", "Open"], ["decided", "Decided"], ["all", "All"]], state, (value) => go("state", value)),
        progress,
        kind === "groups" && el("button", { type: "button", click: () => acceptMany(restart) }, "Accept many"),
        el("button", { type: "button", "aria-keyshortcuts": "?", click: showKeys }, el("kbd", { "aria-hidden": "true" }, "?"), "Keys")),
      rail.element, desk),
    left: () => { clearTimeout(polling); unlisten(); queue.stop.abort(); stage?.left(); },
  };
}

function empty({ kind, state }) {
  if (state === "decided") return nothing("Nothing is decided yet", "What you decide is kept, and shown here.");
  if (kind === "alerts") return nothing("No alerts", "Alerts are what ", el("code", {}, "index nightly"), " reports of new pictures.");
  return nothing("Nothing waits", "Every duplicate that was found is decided, or there is none.");
}

/** Both files beside each other; the larger of two numbers stands out, since that is what a choice hangs on. */
function facts({ a, b }) {
  const cell = (one, other, name, shown) => el("td", { class: one[name] > other[name] ? "more-of" : null }, shown(one[name]));
  const line = (title, name, shown) => el("tr", {}, el("th", { scope: "row" }, title), cell(a, b ?? a, name, shown), b && cell(b, a, name, shown));
  const same = (value) => value ?? "–";
  return el("table", { class: "sides" },
    el("thead", {}, el("tr", {}, el("td", {}), el("th", { scope: "col" }, "A"), b && el("th", { scope: "col" }, "B"))),
    el("tbody", {},
      el("tr", {}, el("th", { scope: "row" }, "Place"), el("td", {}, place(a.path)), b && el("td", {}, place(b.path))),
      line("Width", "width", same), line("Height", "height", same), line("On disk", "size_bytes", bytes),
      el("tr", {}, el("th", { scope: "row" }, "Format"), el("td", {}, same(a.format)), b && el("td", {}, same(b.format))),
      el("tr", {}, el("th", { scope: "row" }, "Label"), el("td", {}, same(a.label)), b && el("td", {}, same(b.label)))));
}
