// Two pictures, held against each other: side by side, one laid on the other, blinking, and what differs.
// A side is {src, name, item or blob, width, height}; the server says how B lies in A, asked once a pair.

import { pictureUrl, send } from "/page/api.js";
import { choice, el, svg } from "/page/dom.js";
import { counted, fileName, percent, score } from "/page/format.js";
import { failure } from "/page/notice.js";
import { verdictMark } from "/page/picture.js";

export const MODES = [["side", "Side by side"], ["overlay", "Overlay"], ["blink", "Blink"], ["difference", "Difference"]];
const DWELL = 250; // milliseconds: a pair that is only passed by is not verified

/** A side from an item of the index. */
export const sideOf = (item) => ({ ...item, src: pictureUrl(item), name: fileName(item.path) });

/** The stage for a pair. `setMode`, `pause` and `left` are for whoever holds the keys. */
export function pairStage(a, b, { mode = "side", verify = true, modeChanged = () => {} } = {}) {
  const place = el("div", { class: "stage" });
  const told = el("div", { class: "evidence", "aria-live": "polite" });
  const stop = new AbortController();
  let found = null;
  let problem = verify ? null : new Error("Laying pictures on each other needs OpenCV on the server: pip install 'siamese-index[verify]'.");
  const modes = el("div", {});

  const looks = { side, overlay, blink, difference };
  function setMode(wanted) {
    mode = wanted;
    modes.replaceChildren(choice("Look", "look", MODES, mode, chosen));
    place.dataset.mode = mode;
    place.replaceChildren(...[looks[mode]()].flat());
  }
  function chosen(wanted) {
    setMode(wanted);
    modes.querySelector(":checked").focus();
    modeChanged(wanted);
  }

  function side() {
    return [["A", a, "box_a"], ["B", b, "box_b"]].map(([letter, one, box]) =>
      figure(`${letter}  ${one.name}`, picture(one, letter), frames(found, box, one)));
  }

  function laid(draw) {
    if (problem) return failure(problem, verify && ask);
    if (!found) return el("p", { class: "notice" }, "Looking how one lies in the other …");
    if (!found.overlay) return el("p", { class: "notice" }, "No plane map takes one picture to the other: there is nothing to lay on each other.");
    return draw(el("img", { src: found.overlay, alt: `B, ${b.name}, as it lies in A`, class: "over" }));
  }

  function overlay() {
    return laid((over) => {
      const edge = el("div", { class: "edge" });
      const show = (share) => {
        over.style.clipPath = `inset(0 0 0 ${share}%)`;
        edge.style.left = `${share}%`;
      };
      show(50);
      return figure("A on the left, B on the right of the slider", picture(a, "A"), over, edge,
        el("input", { type: "range", min: 0, max: 100, value: 50, class: "wipe", "aria-label": "How much of A is shown", input: (event) => show(event.target.value) }));
    });
  }

  function blink() {
    return laid((over) => {
      over.classList.add("blinking");
      const pausing = el("button", { type: "button", class: "quiet", click: pause }, "Pause (space)");
      return [figure("A and B in turn", picture(a, "A"), over), pausing];
    });
  }

  function pause() {
    const over = place.querySelector(".blinking");
    if (!over) return;
    // Paused, each press shows the other one; without motion it was never anything else.
    if (!over.classList.contains("paused")) over.classList.add("paused");
    else over.classList.toggle("hidden");
  }

  function difference() {
    if (found?.overlay && !found.difference) return el("p", { class: "notice" }, "Too little is shared by both to tell what differs.");
    return laid(() => figure("A in pale grey, red where B differs by more than is usual in this pair",
      el("img", { src: found.difference, alt: "Where B differs from A, in red" })));
  }

  function figure(caption, image, ...over) {
    const [width, height] = image.classList.contains("side-b") ? sizeOf(b, found?.size_b) : sizeOf(a, found?.size_a);
    const shown = el("div", { class: "shown" }, image, ...over);
    shown.style.setProperty("--width", width);
    shown.style.setProperty("--height", height);
    return el("figure", {}, shown, el("figcaption", {}, caption));
  }

  async function ask() {
    problem = null;
    try {
      const form = new FormData();
      for (const [letter, one] of [["a", a], ["b", b]]) {
        if (one.item != null && !one.blob) form.append(`${letter}_item`, one.item);
        else form.append(letter, one.blob, one.name);
      }
      found = await send("POST", "verify", form, { signal: stop.signal });
      told.replaceChildren(...evidence(found));
    } catch (error) {
      if (error.name === "AbortError") return;
      problem = error;
    }
    setMode(mode);
  }

  setMode(mode);
  const waiting = verify ? setTimeout(ask, DWELL) : 0;
  return {
    element: el("div", { class: "pair" }, modes, place, told),
    setMode, pause,
    left: () => { clearTimeout(waiting); stop.abort(); },
  };
}

const picture = (side, letter) => {
  const image = el("img", { src: side.src, alt: `${letter}, ${side.name}`, class: `side-${letter.toLowerCase()}` });
  if (!side.width) {
    image.addEventListener("load", () => {
      Object.assign(side, { width: image.naturalWidth, height: image.naturalHeight });
      image.parentElement?.style.setProperty("--width", side.width);
      image.parentElement?.style.setProperty("--height", side.height);
    });
  }
  return image;
};

const sizeOf = (side, known) => known ?? (side.width ? [side.width, side.height] : [4, 3]);

/** The changed regions, framed in the file's own pixels. */
function frames(found, box, side) {
  if (!found?.changes.length) return null;
  const [width, height] = sizeOf(side, box === "box_a" ? found.size_a : found.size_b);
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": counted(found.changes.length, "changed region") },
    found.changes.map((change) => {
      const [left, top, right, bottom] = change[box];
      return svg("rect", { x: left, y: top, width: right - left, height: bottom - top });
    }));
}

/** What verification says, in a line or two. */
function evidence(found) {
  const facts = Object.entries(found.scores).map(([space, value]) => `${space} ${score(value)}`);
  if (found.probability != null) facts.push(`${percent(found.probability)} a copy`);
  if (found.alignment) {
    facts.push(`overlap ${percent(found.alignment.overlap_a)} of A, ${percent(found.alignment.overlap_b)} of B`);
    if (found.alignment.mirrored) facts.push("mirrored");
  }
  return [
    el("p", {}, verdictMark(found.verdict), ` ${found.reason}`),
    el("p", { class: "soft" }, facts.join(" · ")),
  ];
}
