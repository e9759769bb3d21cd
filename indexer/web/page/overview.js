// Overview: the catalogue at a glance, a map of it, and what watches over it.

import { get } from "/page/api.js";
import { calibrationPlot } from "/page/calibration.js";
import { choice, el, row, sheet } from "/page/dom.js";
import { count, counted, moment, percent, score } from "/page/format.js";
import { mapView } from "/page/map.js";
import { failure, fill, nothing } from "/page/notice.js";
import { rebuilding } from "/page/rebuild.js";

const LABELS = 12;
const REJECTED = 20;

export async function show() {
  const status = await get("status");
  const spaces = status.encoder.spaces.map((space) => space.name ?? space);
  const leaving = [];
  const rebuild = rebuilding();
  leaving.push(rebuild.left);
  const sections = [
    section("Map", mapSection(spaces, leaving)),
    section("Labels", filled(labels)),
    section("Rejected files", filled(rejected)),
    section("Nights", filled(nights)),
    section("Calibration", filled(() => calibrations(status))),
    section("Encoder", filled(encoder)),
  ];
  return {
    content: el("div", { class: "overview" },
      el("header", { class: "heading" }, el("h1", {}, "Overview"),
        el("p", { class: "soft" }, `generation ${status.generation} · ${status.store}`), rebuild.element),
      counts(status.counts), ...sections),
    left: () => leaving.forEach((leave) => leave()),
  };
}

function section(title, ...content) {
  return el("section", { "aria-label": title }, el("h2", {}, title), ...content);
}

function filled(work) {
  const place = el("div", {});
  fill(place, work);
  return place;
}

const counts = (known) => el("dl", { class: "counts" },
  [["items", "pictures"], ["files", "files"], ["labels", "labels"], ["rejected", "rejected"], ["decisions", "decisions"]].map(([name, shown]) =>
    el("div", {}, el("dt", {}, shown), el("dd", {}, count(known[name])))));

function mapSection(spaces, leaving) {
  const place = el("div", {});
  let view = null;
  const draw = (space) => fill(place, async () => {
    const map = await get("map", { space, limit: 5000 });
    view?.left();
    if (!map.points.length) return nothing("Nothing to draw", "The index is empty.");
    view = mapView(map);
    return view.element;
  });
  leaving.push(() => view?.left());
  draw(spaces.at(-1));
  return el("div", {}, spaces.length > 1 && choice("Space", "map-space", spaces.map((name) => [name, name]), spaces.at(-1), draw), place);
}

async function labels() {
  const { labels: known } = await get("labels");
  if (!known.length) return el("p", { class: "soft" }, "No picture has a label yet: give one from any picture.");
  const sorted = known.toSorted((one, other) => other.items - one.items);
  const bars = (shown) => el("ol", { class: "bars" }, shown.map(({ label, items }) => {
    const bar = el("span", { class: "bar-of" });
    bar.style.setProperty("--share", items / sorted[0].items);
    return el("li", {}, el("a", { href: `#/search?${new URLSearchParams({ label })}` }, label), bar, el("span", { class: "score" }, count(items)));
  }));
  const place = el("div", {}, bars(sorted.slice(0, LABELS)));
  if (sorted.length > LABELS) {
    place.append(el("button", { type: "button", click: () => place.replaceChildren(bars(sorted)) }, `All ${count(sorted.length)}`));
  }
  return place;
}

async function rejected() {
  const rows = el("tbody", {});
  const foot = el("p", { class: "more" });
  async function page(cursor) {
    const answer = await get("rejections", { limit: REJECTED, cursor });
    rows.append(...answer.rejections.map(({ path, reason, message }) =>
      el("tr", {}, el("td", { class: "path" }, path), el("td", {}, reason), el("td", { class: "soft" }, message))));
    const again = () => page(answer.next).catch((error) => foot.replaceChildren(failure(error)));
    foot.replaceChildren(...(answer.next ? [el("button", { type: "button", click: again }, "Show more")] : []));
    return answer;
  }
  const first = await page();
  if (!first.rejections.length) return el("p", { class: "soft" }, "Every file that was found could be read.");
  return [table(["File", "Reason", "What was wrong"], rows), foot];
}

async function nights() {
  const { nights: known } = await get("nights");
  if (!known.length) return el("p", { class: "soft" }, "No night was run yet. ", el("code", {}, "index nightly"), " builds, compares what is new, and reports.");
  return table(["Night", "Ended", "Pictures", "New", "Removed", "Rejected", "Copies", "Alerts"], el("tbody", {}, known.map((night) => el("tr", {},
    el("td", {}, el("button", { type: "button", click: () => openNight(night.night) }, `Night ${night.night}`)),
    el("td", {}, moment(night.finished_at)),
    ["pictures", "new", "removed", "rejected", "duplicates", "alerts"].map((name) => el("td", { class: "score" }, count(night[name])))))));
}

function openNight(number) {
  const body = el("div", {});
  sheet(`Night ${number}`, body);
  fill(body, async () => {
    const night = await get(`nights/${number}`);
    const queue = el("tbody", {}, night.queue.map((entry) => el("tr", {},
      el("td", {}, [entry.kind, entry.verdict].filter(Boolean).join(", ")), el("td", { class: "score" }, score(entry.score)),
      el("td", { class: "path" }, [entry.path, entry.with].filter(Boolean).join(" ↔ ")), el("td", { class: "soft" }, entry.reason))));
    return [
      el("p", {}, `${moment(night.finished_at)}: ${counted(night.new.length, "new picture")}, ${counted(night.removed, "removed", "removed")}, ${counted(night.rejected.length, "rejected", "rejected")}, ${night.seconds.total} s.`),
      night.flood.length > 0 && el("p", {}, `In quarantine: ${night.flood.map((flood) => `${flood.source} (${count(flood.findings)})`).join(", ")}`),
      night.queue.length ? table(["What", "Score", "Files", "Reason"], queue) : el("p", { class: "soft" }, "Nothing new was found that night."),
      el("p", {}, el("a", { href: "#/review?kind=alerts" }, "Review what nights reported")),
    ];
  });
}

async function calibrations(status) {
  const known = await Promise.all(status.calibrations.map(({ space }) => get(`calibrations/${space}`)));
  if (!known.length) return el("p", { class: "soft" }, "Not calibrated: scores are no probabilities yet. ", el("code", {}, "index calibrate --synthetic"), " makes them so.");
  return known.map((one) => el("figure", { class: "calibration" },
    el("figcaption", {}, `${one.space}: `, el("strong", {}, `threshold ${score(one.threshold)}`),
      ` for a false-positive rate of ${one.fpr}, by ${one.source}, ${moment(one.calibrated_at)}. On held-out pairs ${percent(one.held_out.recall)} of the copies reach it.`),
    calibrationPlot(one)));
}

async function encoder() {
  const known = await get("encoder");
  return [
    el("dl", { class: "table" },
      ...row("Name", `${known.spec.name} ${known.spec.version}`),
      ...row("Spaces", known.spec.spaces.map((space) => `${space.name}, ${space.dim} dimensions, ${space.metric}`).join("; ")),
      ...row("Fingerprint", el("code", {}, known.fingerprint))),
    known.card && el("details", {}, el("summary", {}, "Its card"), el("pre", { class: "text", tabindex: 0 }, known.card)),
  ];
}

const table = (names, body) => el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": names[0] },
  el("table", {}, el("thead", {}, el("tr", {}, names.map((name) => el("th", { scope: "col" }, name)))), body));
