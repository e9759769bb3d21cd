// Search: the index as a grid, and what in it is nearest to a picture.

import { get, send } from "/page/api.js";
import { askingPanel } from "/page/asking.js";
import { el, say } from "/page/dom.js";
import { filterPanel, settingsFrom } from "/page/filters.js";
import { counted } from "/page/format.js";
import { editLabel } from "/page/label.js";
import { failure, fill, nothing } from "/page/notice.js";
import { openItem } from "/page/item.js";
import { card } from "/page/picture.js";
import { appendTo, askItem, current } from "/page/queries.js";
import { explain } from "/page/why.js";

const PAGE = 48;
const FIRST = 24;

export function show(parameters) {
  const settings = settingsFrom(parameters);
  if (parameters.has("item")) askItem(Number(parameters.get("item")));
  const results = el("section", { class: "results", "aria-label": "Pictures" });
  const filters = el("div", {});
  let k = FIRST;
  let running = null;

  function run() {
    running?.abort();
    running = new AbortController();
    const { signal } = running;
    const query = current();
    const kept = { ...settings, item: query?.item };
    const address = new URLSearchParams(Object.entries(kept).flatMap(([name, value]) =>
      [value].flat().filter((one) => one != null && one !== "").map((one) => [name, one])));
    content.dataset.mode = query ? "asking" : "browsing";
    history.replaceState(null, "", `#/search${address.size ? `?${address}` : ""}`);
    return fill(results, () => (query ? nearest(query, signal) : browse(signal)), run);
  }

  async function nearest(query, signal) {
    const form = new FormData();
    appendTo(form, query);
    form.append("k", k);
    for (const name of ["space", "metric", "verify"]) if (settings[name]) form.append(name, settings[name]);
    for (const where of settings.where) form.append("where", where);
    if (settings.label) form.append("where", `label=${settings.label}`);
    const { queries: [answer] } = await send("POST", "query", form, { signal });
    if (answer.reason) return nothing("This picture cannot be used", `${answer.reason}: ${answer.message}`);
    if (!answer.results.length) return nothing("Nothing matches", "Loosen the filters on the left.");
    // The same bytes lie in the index: then there is something to decide of.
    const same = answer.results.find((found) => found.verdict === "identical");
    const item = query.item ?? (query.crop ? null : same?.item);
    say(`${counted(answer.results.length, "picture")} near ${query.name}`);
    return [
      heading(`Nearest to ${query.name}`, `${answer.space} space, ${answer.metric}`),
      el("ol", { class: "grid" }, answer.results.map((found) => entry(found, () => explain(query, item, found, answer.space)))),
      answer.results.length >= k && more(() => { k += FIRST; run(); }),
    ];
  }

  async function browse(signal) {
    const list = el("ol", { class: "grid" });
    const foot = el("div", {});
    const page = async (cursor) => {
      const { label, where, path } = settings;
      const answer = await get("items", { label, where, path, limit: PAGE, cursor }, signal);
      list.append(...answer.items.map((item) => entry(item)));
      foot.replaceChildren(...(answer.next ? [more(() => page(answer.next).catch((error) => foot.replaceChildren(failure(error))))] : []));
      return answer;
    };
    const first = await page();
    if (!first.items.length) return nothing("Nothing here", "No picture matches. Loosen the filters, or build the index anew.");
    return [heading("In the index", first.total == null ? "" : counted(first.total, "picture")), list, foot];
  }

  function entry(found, why) {
    const label = el("button", { type: "button", click: () => editLabel(found, label) }, "Label");
    return card(found, {
      open: () => openItem(found.item),
      deeds: [
        el("button", { type: "button", click: () => { location.hash = `#/search?item=${found.item}`; } }, "More like this"),
        why && el("button", { type: "button", click: why }, "Why"),
        label,
      ],
    });
  }

  const asking = askingPanel(() => { k = FIRST; run(); });
  const content = el("div", { class: "search" },
    el("h1", { class: "unseen" }, "Search"), el("div", { class: "rail" }, asking.element, filters), results);
  run();
  fill(filters, () => filterPanel(settings, run));
  return {
    content,
    left: () => { running.abort(); asking.left(); },
  };
}

const heading = (title, about) => el("header", { class: "heading" }, el("h2", {}, title), el("p", { class: "soft" }, about));

const more = (act) => el("p", { class: "more" }, el("button", { type: "button", click: act }, "Show more"));
