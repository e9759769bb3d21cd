// A rectangle drawn on a picture: by pointer, or by the arrow keys on its frame (with Shift they resize it).

import { el } from "/page/dom.js";

const LEAST = 0.04; // of a side: less is a slip of the hand, not a crop
const STEP = 0.02;
const START = [0.2, 0.2, 0.8, 0.8];

/** A picture to draw on; `changed` gets [left, top, right, bottom] as shares of it, or null for the whole. */
export function croppable(image, crop, changed) {
  const frame = el("button", { type: "button", class: "crop-frame", hidden: true, keydown: move });
  const place = el("div", { class: "croppable", pointerdown: draw }, image, frame);
  show(crop);

  function show(shares) {
    crop = shares;
    frame.hidden = !shares;
    if (!shares) return;
    const [left, top, right, bottom] = shares.map((share) => `${(share * 100).toFixed(2)}%`);
    frame.style.left = left;
    frame.style.top = top;
    frame.style.width = `calc(${right} - ${left})`;
    frame.style.height = `calc(${bottom} - ${top})`;
    frame.setAttribute("aria-label",
      `Crop from ${left} across and ${top} down to ${right} and ${bottom}. Arrow keys move it, with Shift they resize it, Escape removes it.`);
  }

  function draw(press) {
    if (press.button) return;
    press.preventDefault();
    const box = place.getBoundingClientRect();
    const at = (event) => [
      Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)),
      Math.min(1, Math.max(0, (event.clientY - box.top) / box.height)),
    ];
    const [startX, startY] = at(press);
    const drawn = (event) => {
      const [x, y] = at(event);
      return [Math.min(x, startX), Math.min(y, startY), Math.max(x, startX), Math.max(y, startY)];
    };
    place.setPointerCapture(press.pointerId);
    place.onpointermove = (event) => show(drawn(event));
    place.onpointerup = (event) => {
      place.onpointermove = place.onpointerup = null;
      const [left, top, right, bottom] = drawn(event);
      settle(right - left < LEAST || bottom - top < LEAST ? null : [left, top, right, bottom]);
    };
  }

  function move(event) {
    const steps = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    if (event.key === "Escape") return settle(null);
    if (!(event.key in steps)) return undefined;
    event.preventDefault();
    const [x, y] = steps[event.key];
    const [left, top, right, bottom] = crop;
    const wanted = event.shiftKey
      ? [left, top, Math.max(left + LEAST, right + x), Math.max(top + LEAST, bottom + y)]
      : [left + x, top + y, right + x, bottom + y];
    if (Math.min(...wanted) >= 0 && Math.max(...wanted) <= 1) settle(wanted);
    return undefined;
  }

  function settle(shares) {
    show(shares);
    changed(shares);
  }

  return { element: place, start: () => { settle(crop ?? START); frame.focus(); }, whole: () => settle(null) };
}
