// A picture of the index in a grid: the thumbnail, what is known of it, and what can be done with it.

import { pictureUrl } from "/page/api.js";
import { el } from "/page/dom.js";
import { fileName, folder, percent, score } from "/page/format.js";

const [NARROWEST, WIDEST] = [0.75, 2.4]; // width to height of a frame: what is beyond stands in it with room around it

/** A thumbnail that loads when it is about to be seen. */
export function thumbnail(entry, alt = "", side = 256) {
  const image = el("img", {
    src: pictureUrl(entry, side),
    srcset: `${pictureUrl(entry, side)} ${side}w, ${pictureUrl(entry, side * 2)} ${side * 2}w`,
    sizes: `auto, ${side}px`, alt, loading: "lazy", decoding: "async", draggable: "false",
  });
  image.addEventListener("error", () => image.replaceWith(el("span", { class: "missing" }, "not readable")), { once: true });
  return image;
}

/** What was found or decided of a pair, told by a word and, for the eye, by a mark. */
export const verdictMark = (verdict) => verdict && el("span", { class: "verdict", "data-verdict": verdict }, verdict);

/** A list entry; `deeds` are buttons, and `open` is called when the picture is pressed. */
export function card(entry, { open, deeds = [] }) {
  const label = entry.label ? `, ${entry.label}` : "";
  const place = el("li", { class: "card" },
    el("button", { type: "button", class: "frame", "aria-label": `${fileName(entry.path)}${label}: open`, click: open },
      thumbnail(entry)),
    el("div", { class: "facts" },
      entry.score != null && el("p", { class: "figures" },
        el("span", { class: "score", title: "score: larger is nearer" }, score(entry.score)),
        entry.probability != null &&
          el("span", { title: "probability of being the same picture" }, percent(entry.probability)),
        verdictMark(entry.verdict)),
      el("p", { class: "label" }, entry.label ?? el("span", { class: "soft" }, "no label")),
      el("p", { class: "path soft", title: entry.path }, fileName(entry.path)),
      el("p", { class: "deeds" }, deeds)));
  place.style.setProperty("--ratio", Math.min(WIDEST, Math.max(NARROWEST, entry.width / entry.height)).toFixed(3));
  return place;
}

/** Where a picture lies: the folder soft, the name plain. */
export const place = (path) =>
  el("span", { class: "place", title: path }, el("span", { class: "soft" }, folder(path) && `${folder(path)}/`), fileName(path));
