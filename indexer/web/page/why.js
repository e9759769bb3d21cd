// Why this one: a query and what was found, held against each other, with what can be decided of the two.

import { get } from "/page/api.js";
import { el, row, sheet } from "/page/dom.js";
import { percent, score } from "/page/format.js";
import { openItem } from "/page/item.js";
import { labelForm } from "/page/label.js";
import { tell } from "/page/notice.js";
import { pairStage, sideOf } from "/page/pair.js";
import { place } from "/page/picture.js";
import { cut } from "/page/queries.js";
import { decide, verdictBar } from "/page/deciding.js";

/** Open it. `item` is the query's own item where the index holds it, else null; `found` is a result. */
export async function explain(query, item, found, space) {
  const status = await get("status");
  const blob = query.file || query.crop ? await cut(query) : null;
  const asked = blob ? { src: URL.createObjectURL(blob), blob, name: query.name } : sideOf({ item: query.item, path: query.name });
  const stage = pairStage(asked, sideOf(found), { verify: status.verify_available });
  const dialog = sheet("Why this one", el("div", { class: "why" },
    stage.element,
    await deciding(item, found),
    el("dl", { class: "table" },
      ...row("Found", place(found.path)),
      ...row("Score", `${score(found.score)} in the ${space} space`),
      found.normalised_score != null && row("Stands out", found.normalised_score.toFixed(2)),
      ...row("Probability", found.probability == null ? "not calibrated" : percent(found.probability)),
      ...row("Label", labelForm(found, () => {}))),
    el("p", { class: "deeds" },
      el("button", { type: "button", click: () => { dialog.close(); openItem(found.item); } }, "Details of what was found"))));
  dialog.addEventListener("close", () => {
    stage.left();
    if (blob) URL.revokeObjectURL(asked.src);
  });
}

/** The verdicts of the two, or why there are none. */
async function deciding(item, found) {
  if (item == null) return el("p", { class: "soft" }, "A decision is between two pictures of the index, and this one is not in it. Add it to a catalogue and build, then decide.");
  if (item === found.item) return el("p", { class: "soft" }, "Both are the same bytes: there is nothing to decide.");
  const bar = el("div", {});
  let before = await decidedOf(item, found.item);
  const show = () => bar.replaceChildren(verdictBar(before, async (chosen) => {
    const verdict = chosen === before ? null : chosen;
    try {
      await decide([{ a: item, b: found.item, before }], verdict);
      before = verdict;
      tell(verdict ? `Decided: ${verdict}.` : "Taken back.");
    } catch (error) {
      tell(error.message);
    }
    show();
  }));
  show();
  return bar;
}

async function decidedOf(a, b) {
  const { decisions } = await get(`items/${a}`);
  const ofPair = decisions.find(({ first, second, counts }) => counts && [first?.item, second?.item].includes(b));
  return ofPair?.verdict ?? null;
}
