// Accepting many at once: every open pair of duplicates that is as near as was asked for, shown before it is written.

import { get, send } from "/page/api.js";
import { decide } from "/page/deciding.js";
import { el, sheet } from "/page/dom.js";
import { bytes, count, counted, fileName, score } from "/page/format.js";
import { fill, nothing, tell } from "/page/notice.js";
import { thumbnail } from "/page/picture.js";
import { decidable } from "/page/queue.js";

const MOST = 500; // pairs in one step: what can be looked through, and undone as one
const PAGE = 200;

/** Open the window; `done` is called when decisions were written down. */
export function acceptMany(done) {
  const preview = el("div", { class: "preview" });
  const least = el("input", { type: "number", id: "least", min: -1, max: 1, step: "any", value: 0.95, required: true });
  const dialog = sheet("Accept many",
    el("form", { class: "least", submit: look },
      el("label", { for: "least" }, "Every open pair of duplicates that scores at least"), least,
      el("span", {}, "is decided as ", el("strong", {}, "same"), "."),
      el("button", {}, "Preview")),
    preview);

  function look(event) {
    event.preventDefault();
    return fill(preview, async () => offered(await openPairs(least.valueAsNumber)));
  }

  async function offered(pairs) {
    if (!pairs.length) return nothing("No open pair scores so much", "Lower the score, then look again.");
    const chosen = new Set(pairs);
    const told = el("p", { role: "status" });
    const write = el("button", { type: "button", class: "main", click: accept });
    async function tally() {
      const { added, unchanged, contradictions } = await send("POST", "decisions/bulk", { decisions: decisionsOf(chosen), dry_run: true });
      write.textContent = `Write ${counted(chosen.size, "decision")} down`;
      write.disabled = chosen.size === 0;
      told.replaceChildren(
        `${count(added)} new, ${count(unchanged)} as before, ${bytes([...chosen].reduce((sum, { b }) => sum + b.size_bytes, 0))} of copies.`,
        contradictions.length ? el("strong", { class: "wrong" }, ` ${counted(contradictions.length, "pair")} would contradict what was decided different.`) : "");
    }
    async function accept() {
      write.disabled = true;
      try {
        await decide([...chosen].map(({ a, b }) => ({ a: a.item, b: b.item, before: null })), "same");
      } catch (error) {
        tell(error.message);
        write.disabled = false;
        return;
      }
      dialog.close();
      tell(`${counted(chosen.size, "pair")} decided as same. U undoes all of it.`);
      done();
    }
    await tally();
    return [
      told, write,
      pairs.length === MOST && el("p", { class: "soft" }, `These are the first ${MOST}: accept them, then look again.`),
      el("ul", { class: "offered" }, pairs.map((pair) => el("li", {}, el("label", {},
        el("span", { class: "thumbs" }, thumbnail(pair.a, "", 128), thumbnail(pair.b, "", 128)),
        el("span", {}, el("input", {
          type: "checkbox", checked: true,
          change: (event) => { if (event.target.checked) chosen.add(pair); else chosen.delete(pair); tally(); },
        }), el("span", { class: "score" }, score(pair.score)), ` ${fileName(pair.b.path)}`))))),
    ];
  }
}

const decisionsOf = (pairs) => [...pairs].map(({ a, b }) => ({ a: a.item, b: b.item, verdict: "same" }));

/** The open pairs that score at least so much, best first, as many as one step takes. */
async function openPairs(least) {
  const found = [];
  let cursor = null;
  do {
    const { groups, next } = await get("groups", { state: "open", limit: PAGE, cursor });
    for (const { keep, members } of groups) {
      found.push(...members
        .map((member) => ({ a: keep, b: member, score: member.score_to_keep, decision: member.decision }))
        .filter((pair) => pair.score >= least && !pair.decision && decidable(pair)));
    }
    cursor = next;
  } while (cursor != null && found.length < MOST);
  return found.slice(0, MOST);
}
